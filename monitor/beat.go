package monitor

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Beat is the progress of one worker, or of one queue. Its methods cost an atomic store and may be called from any
// goroutine, as often as one likes.
//
// A worker that takes jobs from a channel:
//
//	beat := m.Beat("worker-1", 5*time.Second)
//	defer beat.Remove()
//	for job := range jobs {
//		beat.Beat() // there is work
//		job.Do(beat) // which calls beat.Beat as it goes on, if it may take longer than the limit
//		beat.Idle() // there is none
//	}
type Beat struct {
	name  string
	limit time.Duration
	epoch time.Time
	of    *evidence
	// last is when progress was last shown, in nanoseconds since epoch; 0 is idle.
	last atomic.Int64
}

// Beat says that the worker has work and has just made progress with it.
func (b *Beat) Beat() { b.last.Store(b.now()) }

// Busy says that there is work, which is no progress yet: it starts the clock if the worker was idle and changes nothing
// if it wasn't. Whoever adds to a queue calls Busy, whoever takes from it calls Beat, or Idle when it is empty; with the
// queue's lock held, so that the calls come in the queue's order.
func (b *Beat) Busy() { b.last.CompareAndSwap(0, b.now()) }

// Idle says that the worker has no work. It can't be stuck until Beat or Busy says that it has some.
func (b *Beat) Idle() { b.last.Store(0) }

// Remove takes the worker off the monitor, for a worker that ends. What is said afterwards counts for nothing.
func (b *Beat) Remove() { b.of.removeBeat(b) }

// now is never 0, which means idle.
func (b *Beat) now() int64 { return max(int64(time.Since(b.epoch)), 1) }

// stuck says for how long a worker with work has made no progress, if that is over its limit.
func (b *Beat) stuck(now time.Time) string {
	last := b.last.Load()
	if last == 0 {
		return ""
	}
	idle := now.Sub(b.epoch) - time.Duration(last)
	if idle <= b.limit {
		return ""
	}
	return fmt.Sprintf("stuck: %s no progress for %s", b.name, seconds(idle))
}

// seconds writes a duration for an operator: 5.2 s.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
