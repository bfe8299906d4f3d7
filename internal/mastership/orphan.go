package mastership

import (
	"log/slog"
	"os"
	"sync"
	"time"
)

// orphanLog is where news goes when the daemon is gone: the log. A goroutine of its own
// writes it, since a log that nobody reads must not keep the loop waiting.
type orphanLog struct {
	start sync.Once
	lines chan Report
	done  chan struct{}
}

// orphanLines is how many reports may wait: more than all routers have to say when they
// leave, since the writer gets its turn only when the loop waits.
const orphanLines = 1024

func newOrphanLog() *orphanLog {
	return &orphanLog{lines: make(chan Report, orphanLines), done: make(chan struct{})}
}

// log queues a report; what there is no room for is lost.
func (o *orphanLog) log(r Report) {
	o.start.Do(func() { go o.write() })
	select {
	case o.lines <- r:
	default:
	}
}

func (o *orphanLog) write() {
	defer close(o.done)
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	for r := range o.lines {
		switch {
		case r.Transition != nil:
			t := r.Transition
			log.Info("virtual router "+t.To.String(), "virtual_router", t.Router, "was", t.From.String(), "why", t.Cause)
		case r.Warning != nil:
			if r.Warning.Router != "" {
				log.Warn(r.Warning.Warning, "virtual_router", r.Warning.Router)
			} else {
				log.Warn(r.Warning.Warning)
			}
		}
	}
}

// close waits until all is written, for a moment at most.
func (o *orphanLog) close() {
	close(o.lines)
	o.start.Do(func() { close(o.done) })
	select {
	case <-o.done:
	case <-time.After(100 * time.Millisecond):
	}
}
