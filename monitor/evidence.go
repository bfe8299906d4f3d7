package monitor

import (
	"slices"
	"sync"
	"time"
)

// evidence is what an up rests on: self-checks and beats, in the order in which they were added.
type evidence struct {
	mu     sync.Mutex
	checks []*selfCheck
	beats  []*Beat
	// changed is called, without the lock, when the findings may differ, or may come to, for a cause other than time.
	changed func()
}

func (e *evidence) addBeat(epoch time.Time, name string, limit time.Duration) *Beat {
	if limit <= 0 {
		limit = defaultBeatLimit
	}
	b := &Beat{name: name, limit: limit, epoch: epoch, of: e}
	e.mu.Lock()
	e.beats = append(e.beats, b)
	e.mu.Unlock()
	e.changed() // its limit may be over before those who watch would look next
	return b
}

func (e *evidence) removeBeat(b *Beat) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.beats = slices.DeleteFunc(e.beats, func(x *Beat) bool { return x == b })
}

func (e *evidence) addCheck(c *selfCheck) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.checks = append(e.checks, c)
}

// findings says what speaks against an up now: what failed, beats first, and which self-checks have yet to answer for
// the first time.
func (e *evidence) findings() (failed, pending []string) {
	now := time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, b := range e.beats {
		if why := b.stuck(now); why != "" {
			failed = append(failed, why)
		}
	}
	for _, c := range e.checks {
		why, first := c.finding(now)
		switch {
		case why != "":
			failed = append(failed, why)
		case first:
			pending = append(pending, c.name)
		}
	}
	return failed, pending
}

// turns is the first moment after now at which the findings can change by the passing of time alone; zero: never.
func (e *evidence) turns(now time.Time) (first time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, b := range e.beats {
		first = earlier(first, b.turns(now))
	}
	for _, c := range e.checks {
		first = earlier(first, c.turns(now))
	}
	return first
}

// earlier returns the earlier of two moments; a zero one is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
