package checker

import (
	"context"
	"sync"
	"time"

	"github.com/mainstay-lvs/mainstay/checker/heartbeat"
)

// HeartbeatConfig is what an [Engine] is told about heartbeats.
type HeartbeatConfig struct {
	// Marks are those of [Engine.HeartbeatMarks], from before a restart.
	Marks heartbeat.Marks
}

// hearts is the edge of the engine's ledger of heartbeats. Its lock is taken before
// Engine.mu, never after.
type hearts struct {
	engine *Engine
	wake   chan struct{} // tells keepTime to look again

	mu      sync.Mutex // guards all below
	ledger  *heartbeat.Ledger
	checks  map[heartbeat.Handle]*heartbeatCheck
	socket  *heartbeatSocket // that is served; nil: none is
	stalls  moment           // up to when stalls are counted
	until   moment           // until when keepTime sleeps
	damaged uint64           // datagrams that the kernel dropped though there was room
}

func newHearts(e *Engine, c HeartbeatConfig) *hearts {
	return &hearts{
		engine: e,
		wake:   make(chan struct{}, 1),
		ledger: heartbeat.New(c.Marks),
		checks: make(map[heartbeat.Handle]*heartbeatCheck),
	}
}

func (hs *hearts) add(h *heartbeatCheck) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	handle, err := hs.ledger.Add(hs.engine.now(), h.check)
	if err != nil {
		h.post.report(broken{err}.run(context.Background(), nil), time.Now())
		return
	}
	h.handle = handle
	hs.checks[handle] = h
	hs.carryOut(time.Now())
}

func (hs *hearts) remove(h *heartbeatCheck) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	hs.ledger.Remove(hs.engine.now(), h.handle)
	delete(hs.checks, h.handle)
	hs.carryOut(time.Now())
}

// polled takes the result of a poll that the ledger asked for.
func (hs *hearts) polled(h *heartbeatCheck, r Result, at time.Time) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	instance := ""
	if r.Answer == Success || r.Answer == Refusal {
		instance = r.Instance
	}
	now := hs.engine.now()
	if hs.ledger.Polled(now, h.handle, instance) && h.post.report(r, at).reaching {
		hs.ledger.Hurry(now, h.handle, h.timing.FastInterval)
	}
	hs.carryOut(at)
}

// carryOut does what the ledger has found to be done.
func (hs *hearts) carryOut(at time.Time) {
	for _, f := range hs.ledger.Findings() {
		switch h := hs.checks[f.Check]; {
		case h == nil: // it was removed
		case f.Kind == heartbeat.Ask:
			h.post.ask()
		default:
			h.post.report(resultOf(f), at)
		}
	}
	if next, ok := hs.ledger.Next(); ok && next < hs.until {
		select {
		case hs.wake <- struct{}{}:
		default: // it will look anyway
		}
	}
}

// minPause is the shortest time from one tick of the ledger to the next: checks whose
// times are close together are looked at together.
const minPause = 2 * time.Millisecond

// keepTime has the ledger find out what is so because time has passed, until ctx is done.
func (hs *hearts) keepTime(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(hs.pause())
		select {
		case <-ctx.Done():
			return
		case <-hs.wake:
		case <-timer.C:
			hs.tick()
		}
	}
}

// pause returns how long the ledger has nothing to find out.
func (hs *hearts) pause() time.Duration {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	now := hs.engine.now()
	next, ok := hs.ledger.Next()
	if !ok {
		next = now + time.Hour
	}
	hs.until = max(next, now+minPause)
	return hs.until - now
}

// tick brings the ledger up to the present. First it is told what had come by now, and
// what this director's own troubles were.
func (hs *hearts) tick() {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	hs.catchUp()
	now := hs.countStalls()
	hs.ledger.Tick(now)
	hs.carryOut(time.Now())
}

// countStalls tells the ledger for how long this process did not run, up to the present
// moment, which it returns. What is read afterwards is dated after that.
func (hs *hearts) countStalls() moment {
	now := hs.engine.now()
	if now-hs.stalls > stallNoise { // else there was none that counts
		hs.ledger.Stalled(hs.engine.meter.stalled(hs.stalls, now))
		hs.stalls = now
	}
	return now
}
