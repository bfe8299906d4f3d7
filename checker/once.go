package checker

import (
	"context"
	"time"
)

// RunOnce runs a check once, now, whether or not it is one of the engine's, and
// returns its result with what was sent and read. It counts nothing and tells no
// event. A check that is not valid is inconclusive, as is one that ctx cuts short.
func (e *Engine) RunOnce(ctx context.Context, s Spec) Result {
	p, err := e.prepare(s)
	if err != nil {
		return broken{err}.run(ctx, nil)
	}
	if k, ok := p.(keeper); ok {
		k.letGo() // it runs once
	}
	ctx, cancel := context.WithTimeout(ctx, s.Timing.Timeout)
	defer cancel()
	// Nobody judges here how late this process itself was: it waits longer.
	hard := time.NewTimer(s.Timing.Timeout + max(s.Timing.Timeout, 2*time.Second))
	defer hard.Stop()
	result := make(chan Result, 1)
	go func() {
		var t transcript
		r := e.guarded(ctx, p, &t)
		r.Sent, r.Read = t.sent, t.read
		result <- r
	}()
	select {
	case r := <-result:
		return r
	case <-hard.C:
		return overdue(s.Timing, s.Timing.Timeout+hardGrace)
	}
}
