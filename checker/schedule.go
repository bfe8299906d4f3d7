package checker

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/mainstay-lvs/mainstay/checker/internal/agenda"
)

// tick is how finely the starts of a check are placed in time: those that fall into
// one tick happen together, for to wake up costs more than some TCP checks do. It is
// 20 ms, or for intervals under a second the largest of 10, 5, 2, 1 and so on that is
// a 50th of the interval at most: usual intervals are whole numbers of ticks.
func tick(interval time.Duration) time.Duration {
	most := min(interval/50, 20*time.Millisecond)
	unit := time.Duration(1)
	for 10*unit <= most {
		unit *= 10
	}
	for _, t := range []time.Duration{5, 2} {
		if t*unit <= most {
			return t * unit
		}
	}
	return unit
}

// onTick is the first tick at or after due.
func onTick(due moment, interval time.Duration) moment {
	t := tick(interval)
	return (due + t - 1) / t * t
}

// next is when a check is due again that was due, and started, at those moments. It
// keeps its place in time; where it started so late that the next run would follow
// within half its interval, that one is left out.
func next(due, started moment, every time.Duration) moment {
	n := due + every
	if soonest := started + every/2; n < soonest {
		n += (soonest - n + every - 1) / every * every
	}
	return n
}

// maxSpread is over how long the first runs of new checks are spread at most, for
// all to have a result soon.
const maxSpread = 5 * time.Second

// spread is how long after it was set a check runs for the first time: a part of its
// interval, the same one each time, and another for each check.
func spread(key Key, interval time.Duration) time.Duration {
	window := min(interval, maxSpread)
	random := rand.New(rand.NewPCG(binary.BigEndian.Uint64(key[:8]), binary.BigEndian.Uint64(key[8:16])))
	return time.Duration(random.Int64N(int64(window)))
}

// timetable is checks by when to look at them next.
type timetable struct{ agenda.Agenda[*check] }

// put enters a check that is in no timetable.
func (t *timetable) put(c *check, at moment) {
	c.table = t
	t.Put(c, at)
}

// leave takes a check out of the timetable that it is in.
func (c *check) leave() {
	c.table.Leave(c)
	c.table = nil
}

// leaveIfThere takes a check out of the timetable that it is in, if it is in one.
func (c *check) leaveIfThere() {
	if c.table != nil {
		c.leave()
	}
}

// lane is checks that share a bound on how many run at a time.
type lane struct {
	process bool      // its runs are processes
	limit   int       // of runs at a time
	waiting timetable // checks that wait for their next run
	flying  int       // runs at work, those given up not included
	lost    int       // runs at work and given up
}

// maxLost bounds the runs of a lane that were given up and have not come back: each
// may hold a thread.
const maxLost = 256

// open tells whether another run may start.
func (l *lane) open() bool { return l.flying < l.limit && l.lost < maxLost }
