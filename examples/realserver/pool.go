package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mainstay-lvs/mainstay/monitor"
)

const (
	// maxWork is the longest that a work request may keep a worker.
	maxWork = time.Minute
	// workStep is how often a worker shows progress while it works.
	workStep = 50 * time.Millisecond
)

// pool is the workers that do what clients ask. Each has a beat, so that the monitor sees one that is stuck.
type pool struct {
	name    string
	workers int
	jobs    chan job
	open    atomic.Int32 // requests that wait for a worker or its answer
	stuck   atomic.Int32 // workers that are stuck

	mu      sync.Mutex
	sticky  chan (<-chan struct{}) // asks one worker to block until the channel in it is closed
	release chan struct{}          // closed by unstick
}

// job is a request with the place for its answer, which never blocks.
type job struct {
	request request
	answer  chan<- answer
}

func newPool(name string, workers int) *pool {
	return &pool{
		name: name, workers: workers, jobs: make(chan job),
		sticky: make(chan (<-chan struct{}), workers), release: make(chan struct{}),
	}
}

// run runs the workers until ctx ends.
func (p *pool) run(ctx context.Context, s *monitor.Service, limit time.Duration) {
	var workers sync.WaitGroup
	for i := range p.workers {
		workers.Go(func() {
			beat := s.Beat(fmt.Sprintf("worker-%d", i+1), limit)
			defer beat.Remove()
			p.work(ctx, beat)
		})
	}
	workers.Wait()
}

// work is one worker: it takes what there is to do, and is idle when there is nothing.
func (p *pool) work(ctx context.Context, beat *monitor.Beat) {
	for {
		beat.Idle()
		select {
		case <-ctx.Done():
			return
		case j := <-p.jobs:
			beat.Beat()
			j.answer <- p.do(ctx, j.request, beat)
		case released := <-p.sticky:
			// As if a job never came to its end: there is work, and no further beat.
			beat.Beat()
			p.stuck.Add(1)
			select {
			case <-ctx.Done():
			case <-released:
			}
			p.stuck.Add(-1)
		}
	}
}

// do handles one request.
func (p *pool) do(ctx context.Context, r request, beat *monitor.Beat) answer {
	switch r.kind {
	case whoami:
		return answerf(done, "%s", p.name)
	case echo:
		return answer{done, r.argument}
	case work:
		ms, err := r.number(uint32(maxWork.Milliseconds()))
		if err != nil {
			return answerf(refused, "work: %v", err)
		}
		end := time.After(time.Duration(ms) * time.Millisecond)
		step := time.NewTicker(workStep)
		defer step.Stop()
		for {
			select {
			case <-ctx.Done():
				return answerf(failed, "the server stopped")
			case <-end:
				return answerf(done, "done")
			case <-step.C:
				beat.Beat()
			}
		}
	}
	return answerf(refused, "unknown kind of request: %d", r.kind)
}

// submit has a worker handle a request and waits for the answer.
func (p *pool) submit(ctx context.Context, r request) answer {
	p.open.Add(1)
	defer p.open.Add(-1)
	answers := make(chan answer, 1)
	select {
	case <-ctx.Done():
		return answerf(failed, "the server stopped")
	case p.jobs <- job{r, answers}:
		return <-answers // the worker that took the job minds ctx
	}
}

// stick asks n workers, or all for 0, to block as soon as they are free. It returns how many it asked.
func (p *pool) stick(n int) int {
	if n == 0 || n > p.workers {
		n = p.workers
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for asked := range n {
		select {
		case p.sticky <- p.release:
		default:
			return asked // the others were asked before and have yet to get there
		}
	}
	return n
}

// unstick lets every worker go on, also those that were asked to stick and have yet to get there.
func (p *pool) unstick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.release)
	p.release = make(chan struct{})
}
