package checker

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/mainstay-lvs/mainstay/checker/internal/agenda"
)

// check is one check at work.
type check struct {
	key     Key
	spec    Spec
	probe   probe
	lane    *lane
	tracker tracker
	// standing is probe where the check stays with its server; nil: it is run each
	// interval.
	standing standing
	removed  atomic.Bool
	begun    bool // a standing one; guarded by Engine.setting, as the next
	released bool
	owed     *Event // of a standing check: a change that there was no room to tell

	due     moment             // of this run or else the next: its exact place in time
	started moment             // of the latest run
	cancel  context.CancelFunc // cuts the run at work short; nil: none is
	lost    bool               // the run at work is given up

	agenda.Slot
	table *timetable // that the check is in; nil: it is removed, or Run not yet called
}

// Set makes the checks those that specs say; it may be called at any time. A check
// that was there before, by its [Key], goes on as if nothing had happened: its state,
// its timer, its run at work. A new one begins without a verdict, and runs first
// within its interval, or within 5 seconds if that is less, at a moment that depends
// on its key alone. One that is there no more is stopped: its run is cut short, and
// once Set has returned no event of it is received from Events unless it is set anew,
// and then only events of the new one.
//
// A spec that is twice in specs is one check. One that is not valid is a check all
// the same: its results are inconclusive and say why; see [Spec.Validate].
func (e *Engine) Set(specs []Spec) {
	e.setting.Lock()
	defer e.setting.Unlock()
	wanted := make(map[Key]bool, len(specs))
	var fresh []*check
	for _, s := range specs {
		key := s.Key()
		if !wanted[key] && e.checks[key] == nil {
			fresh = append(fresh, e.newCheck(key, s)) // reading certificates takes time: not under mu
		}
		wanted[key] = true
	}
	gone, began := e.exchange(wanted, fresh)
	if began {
		for _, c := range gone {
			c.release()
		}
		for _, c := range fresh {
			e.stand(c)
		}
		if len(gone) > 0 {
			e.outbox.recall()
		}
	}
	e.lookAgain()
}

func (e *Engine) newCheck(key Key, s Spec) *check {
	c := &check{key: key, spec: s, lane: &e.network, tracker: newTracker()}
	var err error
	if c.probe, err = e.prepare(s); err != nil {
		c.probe = broken{err}
		c.spec.Timing = runnable(s.Timing)
		return c
	}
	if kinds[s.Options.Kind()].process {
		c.lane = &e.commands
	}
	c.standing, _ = c.probe.(standing)
	return c
}

// release ends, once, what a check holds beyond its runs. Run was called before; the
// caller holds Engine.setting.
func (c *check) release() {
	if c.released {
		return
	}
	c.released = true
	if c.begun {
		c.standing.end()
	}
	if k, ok := c.probe.(keeper); ok {
		k.letGo()
	}
}

// runnable gives a check that can't run a timing to say so in.
func runnable(t Timing) Timing {
	if t.validate() != nil {
		return DefaultTiming()
	}
	return t
}

// exchange removes the checks that are not wanted and adds those that are new. It
// returns the removed ones, and whether Run was called before: then events of them may be
// on their way, and standing ones among the new are to begin.
func (e *Engine) exchange(wanted map[Key]bool, fresh []*check) (gone []*check, begun bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for key, c := range e.checks {
		if wanted[key] {
			continue
		}
		gone = append(gone, c)
		c.removed.Store(true)
		delete(e.checks, key)
		if c.cancel != nil {
			c.cancel()
			if !c.lost { // it may never come back, and then must not hold a place
				c.lost = true
				c.lane.flying--
				c.lane.lost++
			}
		}
		c.leaveIfThere()
	}
	now := e.now()
	for _, c := range fresh {
		e.checks[c.key] = c
		if e.state == running && c.standing == nil {
			c.schedule(now)
		}
	}
	return gone, e.state != made
}

// schedule gives a check its first place in time.
func (c *check) schedule(now moment) {
	c.due = now + spread(c.key, c.spec.Timing.Interval)
	c.lane.waiting.put(c, onTick(c.due, c.spec.Timing.Interval))
}

// every is the time from a run to the next as things stand.
func (c *check) every() time.Duration {
	if c.tracker.reaching() {
		return c.spec.Timing.FastInterval
	}
	return c.spec.Timing.Interval
}
