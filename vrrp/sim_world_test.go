package vrrp

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// simWorld is hosts with their routers, links that delay, lose, reorder and split, and
// a clock. All that is random comes from the seed: the same seed is the same world.
//
// It alternates between chaos (sim_chaos_test.go) and quiet (sim_quiet_test.go), and
// holds every step to the rules in sim_rules_test.go.
type simWorld struct {
	rng   *rand.Rand
	now   time.Time
	queue simQueue
	hosts []*simHost
	steps int // of machines, so far

	version  Version
	links    int           // virtual routers on each host, each with a link of its own; two are a sync group
	delay    time.Duration // the largest of the links
	longest  time.Duration // the longest advert interval that any router ever had
	shortest time.Duration // the shortest
	loss     float64
	cut      [simMaxHosts][simMaxHosts][simMaxLinks]bool // from, to
	jitter   time.Duration                               // how late a timer may be

	calm    bool      // it has been quiet for so long that there must be one master
	changes [5][5]int // of states, from, to
	err     error     // the first rule that was broken

	step  func(m *Machine, now time.Time, e Event) []Effect // Machine.Step, or one with a defect
	trace *strings.Builder                                  // nil, or what happened
}

const (
	simMaxHosts = 5
	simMaxLinks = 2
)

// simHost is a host. Its processes may stall together.
type simHost struct {
	index   int
	routers []*simRouter
	stalled bool
	inbox   []simEvent // what arrived meanwhile
}

// newSimWorld makes the world of a seed, with no process running.
func newSimWorld(seed uint64) *simWorld {
	w := &simWorld{
		rng:  rand.New(rand.NewPCG(seed, 0x766d)),
		now:  time.Date(2026, 3, 1, 22, 14, 0, 0, time.UTC),
		step: (*Machine).Step,
	}
	w.version = []Version{V2, V3, V3}[w.rng.IntN(3)]
	w.links = 1 + w.rng.IntN(4)/3
	intervals := []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, 300 * time.Millisecond, time.Second}
	if w.version == V2 {
		intervals = []time.Duration{time.Second, 2 * time.Second}
	}
	common := intervals[w.rng.IntN(len(intervals))]
	unequal := w.version == V3 && w.rng.IntN(3) == 0
	for i := range 2 + w.rng.IntN(simMaxHosts-1) {
		h := &simHost{index: i}
		interval := common
		if unequal {
			interval = intervals[w.rng.IntN(len(intervals))]
		}
		s := Settings{
			Version: w.version, Priority: w.somePriority(), Interval: interval,
			Preempt: w.rng.IntN(3) > 0, PreemptDelay: w.someDelay(interval), Grouped: w.links > 1,
		}
		for link := range w.links {
			s.Address = simAddress(i, 0)
			h.routers = append(h.routers, &simRouter{host: h, link: link, settings: s})
		}
		w.hosts = append(w.hosts, h)
		w.reckon(interval)
	}
	// A delay above the shortest interval would make backups of masters that are there.
	w.delay = []time.Duration{0, time.Millisecond, w.shortest / 4, w.shortest * 9 / 10}[w.rng.IntN(4)]
	return w
}

// reckon counts an interval.
func (w *simWorld) reckon(interval time.Duration) {
	w.longest = max(w.longest, interval)
	if w.shortest == 0 || interval < w.shortest {
		w.shortest = interval
	}
}

// run has chaos and quiet by turns until so many steps are done, and returns what rule
// was broken, if any.
func (w *simWorld) run(steps int) error {
	for w.steps < steps && w.err == nil {
		w.someChaos()
		w.someQuiet()
	}
	return w.err
}

// pass lets time pass.
func (w *simWorld) pass(d time.Duration) {
	for end := w.now.Add(d); w.err == nil; {
		e, ok := w.queue.next(end)
		if !ok {
			w.now = end
			return
		}
		w.now = e.at
		w.happen(e)
		if w.calm {
			w.mustBeCalm()
		}
	}
}

// happen is one event of the queue.
func (w *simWorld) happen(e simEvent) {
	r := w.hosts[e.host].routers[e.link]
	switch e.kind {
	case simArrival:
		if r.host.stalled {
			r.host.inbox = append(r.host.inbox, e)
		} else {
			w.arrive(e)
		}
	case simWake:
		if e.at.Equal(r.wake) && !r.host.stalled {
			r.wake = time.Time{}
			w.timer(r)
		}
	case simStallOver:
		h := r.host
		h.stalled = false
		// What has arrived is read before timers act.
		inbox := h.inbox
		h.inbox = nil
		for _, e := range inbox {
			w.arrive(e)
		}
		for _, r := range h.routers {
			r.wake = time.Time{}
			w.timer(r)
		}
	}
}

// arrive hands an advertisement to the process, if there is one and its link is up.
func (w *simWorld) arrive(e simEvent) {
	r := w.hosts[e.host].routers[e.link]
	if r.machine == nil || r.dead {
		return
	}
	r.remember(w.now, int(e.from), e.advert)
	w.order(r, Event{Kind: Heard, Advert: e.advert})
}

// timer steps a timer that is due, and sets the next.
func (w *simWorld) timer(r *simRouter) {
	if r.machine == nil {
		return
	}
	for range 4 {
		next := r.machine.Next()
		if next.IsZero() || next.After(w.now) {
			w.schedule(r)
			return
		}
		w.order(r, Event{Kind: Timer})
		if r.machine == nil || w.err != nil {
			return
		}
	}
	w.broken(r, "its timer is due again and again, at %s", r.machine.Next().Sub(w.now))
}

// schedule sees that the router's timer is stepped when it is due, or a little late.
func (w *simWorld) schedule(r *simRouter) {
	next := r.machine.Next()
	if next.IsZero() || r.host.stalled {
		r.wake = time.Time{}
		return
	}
	if next.Before(w.now) {
		next = w.now
	}
	if w.jitter > 0 {
		next = next.Add(time.Duration(w.rng.Int64N(int64(w.jitter))))
	}
	if !r.wake.IsZero() && !r.wake.After(next) && !r.wake.Before(w.now) {
		return // it will be looked at before
	}
	r.wake = next
	w.queue.add(simEvent{at: next, kind: simWake, host: uint8(r.host.index), link: uint8(r.link)})
}

// send has an advertisement reach the other hosts, or not.
func (w *simWorld) send(r *simRouter, priority uint8) {
	if r.dead {
		return
	}
	a := Advert{Source: r.settings.Address, Priority: priority, Interval: r.settings.Interval}
	for to := range w.hosts {
		if to == r.host.index || w.cut[r.host.index][to][r.link] || w.loss > 0 && w.rng.Float64() < w.loss {
			continue
		}
		at := w.now
		if w.delay > 0 {
			at = at.Add(time.Duration(w.rng.Int64N(int64(w.delay) + 1)))
		}
		w.queue.add(simEvent{
			at: at, kind: simArrival, host: uint8(to), link: uint8(r.link), from: uint8(r.host.index), advert: a,
		})
	}
}

// broken notes the first rule that is broken.
func (w *simWorld) broken(r *simRouter, format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("host %d, router %d, %s: %s", r.host.index, r.link, w.clock(), fmt.Sprintf(format, args...))
	}
}

// tell writes to the trace.
func (w *simWorld) tell(format string, args ...any) {
	if w.trace != nil {
		fmt.Fprintf(w.trace, "%s  %s\n", w.clock(), fmt.Sprintf(format, args...))
	}
}

func (w *simWorld) clock() string { return w.now.Format("04:05.000000") }
