package monitor

import (
	"context"
	"time"
)

// retry is the pause before a socket that failed is used again: 5 ms at first, and twice as long each time, up to a second.
// The zero value begins anew.
type retry struct{ pause time.Duration }

// wait pauses, unless ctx ends before.
func (r *retry) wait(ctx context.Context) {
	const shortest, longest = 5 * time.Millisecond, time.Second
	r.pause = min(max(2*r.pause, shortest), longest)
	timer := time.NewTimer(r.pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
