package vrrp

import (
	"net/netip"
	"time"
)

// simRouter is a virtual router on a host: its process while it runs, and what the
// rules know of it from outside.
type simRouter struct {
	host     *simHost
	link     int
	settings Settings
	machine  *Machine // nil: no process
	dead     bool     // its link is down
	wake     time.Time

	// What outlives the process.
	holding bool // the addresses are on the host
	standBy bool // as an operator had it

	// What the effects say.
	state     State
	added     bool      // the addresses were added, and not removed since
	hold      time.Time // Start's delay
	mustBy    time.Time // the next advertisement
	letGo     time.Time // the addresses go by then
	stops     int       // Stop and Abandon that no Ended answered yet
	failovers int       // Failover that no FailedOver answered yet

	heard [simMaxHosts]simHeard
}

// simHeard is the last that was heard of another host's router.
type simHeard struct {
	at     time.Time // zero: nothing, or priority 0
	advert Advert
}

func simAddress(host, generation int) netip.Addr {
	return netip.AddrFrom4([4]byte{192, 0, 2, byte(10 + host + 10*(generation%20))})
}

// remember takes down what is delivered.
func (r *simRouter) remember(now time.Time, from int, a Advert) {
	if a.Priority == 0 {
		r.heard[from] = simHeard{}
	} else {
		r.heard[from] = simHeard{now, a}
	}
}

// order steps a router, carries its effects out, and holds it to the rules.
func (w *simWorld) order(r *simRouter, e Event) {
	if w.err != nil {
		return
	}
	if r.host.stalled {
		panic("an order for a host that does not run")
	}
	w.steps++
	effects := w.step(r.machine, w.now, e)
	if w.trace != nil {
		w.traceStep(r, e, effects)
	}
	w.checkStep(r, e, effects)
	ended := false
	for _, effect := range effects {
		switch effect.Kind {
		case SendAdvert:
			w.send(r, effect.Priority)
		case AddAddresses:
			r.holding = true
		case RemoveAddresses:
			r.holding = false
		case Ended:
			ended = true
		}
	}
	r.standBy = r.machine.StandingBy()
	if ended {
		r.machine = nil
		w.tell("host %d, router %d: the process ended", r.host.index, r.link)
	} else {
		w.schedule(r)
	}
	if w.links > 1 && e.Kind != GroupMaster && e.Kind != GroupBackup {
		w.coordinate(r.host)
	}
}

// coordinate moves the routers of a host, which are a sync group, together.
func (w *simWorld) coordinate(h *simHost) {
	for again := true; again && w.err == nil; {
		again = false
		ready := true // all of them
		for _, r := range h.routers {
			ready = ready && r.machine != nil && (r.state == Master || r.machine.Wanting())
		}
		for _, r := range h.routers {
			switch {
			case r.machine == nil:
			case ready && r.machine.Wanting():
				w.order(r, Event{Kind: GroupMaster})
				again = true
			case !ready && r.state == Master:
				w.order(r, Event{Kind: GroupBackup})
				again = true
			}
		}
	}
}

// launch starts a router's process.
func (w *simWorld) launch(r *simRouter, delay time.Duration) {
	r.machine = NewMachine(r.settings)
	r.state, r.added, r.stops, r.failovers = Init, false, 0, 0
	r.wake, r.hold, r.mustBy, r.letGo = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	r.heard = [simMaxHosts]simHeard{}
	if delay > 0 {
		r.hold = w.now.Add(delay)
	}
	if r.dead {
		w.order(r, Event{Kind: Fail, Dead: true, Cause: "the link is down"})
	}
	w.order(r, Event{Kind: Start, Holding: r.holding, StandBy: r.standBy, Delay: delay})
}

// crash ends a process on the spot. Addresses stay.
func (w *simWorld) crash(r *simRouter) {
	w.tell("host %d, router %d: crash", r.host.index, r.link)
	r.machine, r.state = nil, Init
}

// configure gives a router new settings.
func (w *simWorld) configure(r *simRouter, change func(*Settings)) {
	change(&r.settings)
	w.reckon(r.settings.Interval)
	if r.machine == nil {
		return
	}
	w.tell("host %d, router %d: settings %+v", r.host.index, r.link, r.settings)
	r.machine.Configure(r.settings)
	w.schedule(r)
	if w.links > 1 {
		w.coordinate(r.host)
	}
}

func (w *simWorld) traceStep(r *simRouter, e Event, effects []Effect) {
	what := e.Kind.String()
	switch e.Kind {
	case Heard:
		what += " " + e.Advert.Source.String() + " " + e.Advert.Interval.String()
		w.tell("host %d, router %d: %s priority %d", r.host.index, r.link, what, e.Advert.Priority)
	case Reprioritise:
		w.tell("host %d, router %d: %s %d", r.host.index, r.link, what, e.Priority)
	default:
		w.tell("host %d, router %d: %s holding=%t standby=%t dead=%t delay=%s", r.host.index, r.link, what, e.Holding, e.StandBy, e.Dead, e.Delay)
	}
	for _, effect := range effects {
		w.tell("    %s", machineEffect(effect))
	}
}
