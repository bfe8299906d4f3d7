package monitor

import (
	"fmt"
	"sync/atomic"
	"time"
)

// lastInstance is the start that the last Monitor of this process was given, in Unix milliseconds.
var lastInstance atomic.Int64

// newInstance names a start of the program: its time in Unix milliseconds as 16 hex digits, so that a later start has a
// larger name. Two Monitors of one process never share one, even when made within a millisecond.
func newInstance() string {
	for {
		last, now := lastInstance.Load(), time.Now().UnixMilli()
		now = max(now, last+1)
		if lastInstance.CompareAndSwap(last, now) {
			return fmt.Sprintf("%016x", now)
		}
	}
}
