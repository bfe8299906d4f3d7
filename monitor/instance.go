package monitor

import (
	"sync/atomic"
	"time"
)

// lastInstance is the start that the last Monitor or Relay of this process was given, in Unix milliseconds.
var lastInstance atomic.Int64

// newInstance names a start of the program: its time in Unix milliseconds, so that a later start has a larger name. Two
// Monitors or Relays of one process never share one, even when made within a millisecond.
func newInstance() uint64 {
	for {
		last, now := lastInstance.Load(), time.Now().UnixMilli()
		now = max(now, last+1)
		if lastInstance.CompareAndSwap(last, now) {
			return uint64(now)
		}
	}
}
