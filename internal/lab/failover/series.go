package main

import (
	"fmt"
	"regexp"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/lab/pair"
)

// series is what is measured on one pair: one event or two by turns, again and again.
type series struct {
	events   []event
	interval time.Duration
	master   pair.Program // of the higher priority
	peer     pair.Program
}

// event is something that happens to a pair.
type event struct {
	name string
	// happen makes it happen.
	happen func(p *pair.Pair, a, b *pair.Director)
	// back says that the director of the higher priority comes back by it.
	back bool
	// lingers says whether the addresses stay on the host that loses them.
	lingers func(pair.Program) bool
	// undo brings the higher priority back, where the next event does not.
	undo func(p *pair.Pair, a *pair.Director)
	// takeover is how long the other waits after the last word of the old master.
	takeover func(s series) time.Duration
}

const high, low = 200, 100

// missed is the time after which a silent master is missed.
func missed(s series) time.Duration { return 3*s.interval + released(s) }

// released is the time that the other waits after a priority 0.
func released(s series) time.Duration { return s.router().Skew(low) }

var cable = event{
	name:     "cable",
	happen:   func(_ *pair.Pair, a, _ *pair.Director) { a.Cable(false) },
	undo:     func(_ *pair.Pair, a *pair.Director) { a.Cable(true) },
	takeover: missed,
}

var stop = event{
	name:     "stop",
	happen:   func(_ *pair.Pair, a, _ *pair.Director) { a.Stop() },
	takeover: released,
}

var comesBack = event{
	name:   "return",
	happen: func(_ *pair.Pair, a, _ *pair.Director) { a.Start() },
	back:   true,
}

var failover = event{
	name: "failover",
	happen: func(p *pair.Pair, a, _ *pair.Director) {
		if status, said := a.Ask("failover", pair.Name); status != 0 {
			p.T().Fatalf("mainstay failover: exit status %d: %s", status, said)
		}
	},
	undo: func(p *pair.Pair, a *pair.Director) {
		if status, said := a.Ask("failover", pair.Name, "--cancel"); status != 0 {
			p.T().Fatalf("mainstay failover --cancel: exit status %d: %s", status, said)
		}
	},
	takeover: released,
}

var kill = event{
	name:    "kill",
	happen:  func(_ *pair.Pair, a, _ *pair.Director) { a.Crash() },
	lingers: func(program pair.Program) bool { return program == pair.Keepalived },
	undo: func(_ *pair.Pair, a *pair.Director) {
		a.Gone()
		a.Forget() // or it would not preempt for a while, after such an end
		a.Start()
	},
	takeover: func(s series) time.Duration {
		if s.master == pair.Keepalived {
			return missed(s)
		}
		return released(s)
	},
}

// all are the series in the order in which they are measured: the quick ones first, and
// next to each other what is to be compared.
func all() []series {
	var list []series
	for _, interval := range []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, time.Second} {
		for _, events := range [][]event{{cable}, {stop, comesBack}, {failover}, {kill}} {
			for _, programs := range [][2]pair.Program{
				{pair.Mainstay, pair.Mainstay}, {pair.Mainstay, pair.Keepalived}, {pair.Keepalived, pair.Keepalived},
			} {
				if events[0].name == failover.name && programs[0] != pair.Mainstay {
					continue // keepalived has no such command
				}
				list = append(list, series{events: events, interval: interval, master: programs[0], peer: programs[1]})
			}
		}
	}
	return list
}

// choose are the series with a row whose name is wanted.
func choose(wanted *regexp.Regexp) []series {
	var list []series
	for _, s := range all() {
		for _, e := range s.events {
			if wanted.MatchString(s.row(e.name)) {
				list = append(list, s)
				break
			}
		}
	}
	return list
}

// row is the name of a row.
func (s series) row(event string) string {
	return fmt.Sprintf("%s/%s/%s/%s", event, s.interval, s.master, s.peer)
}

func (s series) router() pair.Router { return pair.Router{Version: 3, Interval: s.interval} }

// theory is how long after the old master's last word the other takes over; 0 where the
// protocol does not say.
func (s series) theory(e event) time.Duration {
	if e.takeover == nil {
		return 0
	}
	return e.takeover(s)
}

// estimate is about how long one run takes: until the other has taken over, until the
// higher priority is back, and two advertisements more, one before each measurement.
func (s series) estimate() time.Duration {
	total := time.Second // processes start and end
	for _, e := range s.events {
		total += s.theory(e)
	}
	return total + missed(s) + 2*s.interval
}
