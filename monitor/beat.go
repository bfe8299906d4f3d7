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
	// found says that the worker was found stuck, so that whoever watches is to hear when it no longer is.
	found atomic.Bool
}

// Beat says that the worker has work and has just made progress with it.
func (b *Beat) Beat() {
	b.last.Store(b.now())
	b.goesOn()
}

// Busy says that there is work, which is no progress yet: it starts the clock if the worker was idle and changes nothing
// if it wasn't. Whoever adds to a queue calls Busy, whoever takes from it calls Beat, or Idle when it is empty; with the
// queue's lock held, so that the calls come in the queue's order.
func (b *Beat) Busy() { b.last.CompareAndSwap(0, b.now()) }

// Idle says that the worker has no work. It can't be stuck until Beat or Busy says that it has some.
func (b *Beat) Idle() {
	b.last.Store(0)
	b.goesOn()
}

// Remove takes the worker off the monitor, for a worker that ends. What is said afterwards counts for nothing.
func (b *Beat) Remove() {
	b.of.removeBeat(b)
	b.goesOn()
}

// goesOn tells those who watch that a worker which was found stuck no longer is.
func (b *Beat) goesOn() {
	if b.found.Load() && b.found.Swap(false) {
		b.of.changed()
	}
}

// now is never 0, which means idle.
func (b *Beat) now() int64 { return max(int64(time.Since(b.epoch)), 1) }

// stuck says for how long a worker with work has made no progress, if that is over its limit.
func (b *Beat) stuck(now time.Time) string {
	if b.idle(now) <= b.limit {
		return ""
	}
	// Marked first and looked at again: a worker that goes on in between either is seen to, or sees the mark.
	b.found.Store(true)
	idle := b.idle(now)
	if idle <= b.limit {
		return ""
	}
	return fmt.Sprintf("stuck: %s no progress for %s", b.name, seconds(idle))
}

// idle is how long a worker with work has made no progress; 0 for one without work.
func (b *Beat) idle(now time.Time) time.Duration {
	last := b.last.Load()
	if last == 0 {
		return 0
	}
	return now.Sub(b.epoch) - time.Duration(last)
}

// turns is the first moment after now at which the worker can be found stuck although nothing tells of it; zero where it
// is stuck already. A worker without work may get some right after now.
func (b *Beat) turns(now time.Time) time.Time {
	idle := b.idle(now)
	if idle > b.limit {
		return time.Time{}
	}
	return now.Add(b.limit - max(idle, 0) + 1)
}

// seconds writes a duration for an operator: 5.2 s.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
