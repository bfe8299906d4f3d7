package vrrp

import "time"

// someChaos has things go wrong for a while.
func (w *simWorld) someChaos() {
	w.calm = false
	w.tell("chaos")
	w.loss = []float64{0, 0, 0.02, 0.2, 0.6}[w.rng.IntN(5)]
	w.jitter = []time.Duration{0, time.Millisecond, w.shortest}[w.rng.IntN(3)]
	for range 5 + w.rng.IntN(25) {
		w.pass(time.Duration(w.rng.ExpFloat64() * float64(2*w.longest)))
		if w.err != nil {
			return
		}
		w.happening()
	}
}

// happening is one thing that goes wrong or is ordered.
func (w *simWorld) happening() {
	h := w.hosts[w.rng.IntN(len(w.hosts))]
	switch w.rng.IntN(20) {
	case 0:
		w.split()
		return
	case 1:
		w.cut = [simMaxHosts][simMaxHosts][simMaxLinks]bool{}
		w.tell("the network is whole")
		return
	case 2: // one way only
		w.cut[h.index][w.rng.IntN(len(w.hosts))][w.rng.IntN(w.links)] = true
		return
	case 3:
		w.loss = []float64{0, 0.1, 0.9}[w.rng.IntN(3)]
		return
	}
	if h.stalled {
		return
	}
	if w.rng.IntN(8) == 0 {
		h.stalled = true
		d := time.Duration(w.rng.ExpFloat64() * float64(3*w.longest))
		w.tell("host %d does not run for %s", h.index, d)
		w.queue.add(simEvent{at: w.now.Add(d), kind: simStallOver, host: uint8(h.index)})
		return
	}
	// An order to one router, or to all of the host, as a sync group has it.
	routers := h.routers
	if one := w.rng.IntN(len(routers) + 1); one < len(routers) && w.rng.IntN(2) == 0 {
		routers = routers[one : one+1]
	}
	order := w.someOrder()
	for _, r := range routers {
		if w.err == nil {
			order(r)
		}
	}
}

// split cuts the hosts in two parts, on all links or one.
func (w *simWorld) split() {
	side := w.rng.Uint32()
	only := w.rng.IntN(2 * w.links)
	w.tell("the network splits: %b", side)
	for a := range w.hosts {
		for b := range w.hosts {
			for link := range w.links {
				if only >= w.links || only == link {
					w.cut[a][b][link] = side>>a&1 != side>>b&1
				}
			}
		}
	}
}

// someOrder is one thing that is ordered of a router, or befalls it.
func (w *simWorld) someOrder() func(*simRouter) {
	kind := w.rng.IntN(16)
	priority := w.somePriority()
	delay := w.someDelay(w.longest)
	return func(r *simRouter) {
		if r.machine == nil {
			w.launch(r, delay)
			return
		}
		switch kind {
		case 0:
			w.order(r, Event{Kind: Stop})
		case 1:
			w.order(r, Event{Kind: Abandon})
		case 2, 3:
			w.order(r, Event{Kind: Failover})
		case 4, 5:
			w.order(r, Event{Kind: Cancel})
		case 6:
			w.order(r, Event{Kind: Fail, Cause: "another link is down"})
		case 7:
			r.dead = true
			w.order(r, Event{Kind: Fail, Dead: true, Cause: "the link is down"})
		case 8, 9:
			r.dead = false
			w.order(r, Event{Kind: Recover})
		case 10:
			w.order(r, Event{Kind: Reprioritise, Priority: priority})
		case 11:
			w.crash(r)
			if w.links > 1 {
				w.coordinate(r.host)
			}
		case 12:
			w.configure(r, func(s *Settings) { s.Preempt = !s.Preempt })
		case 13:
			w.configure(r, func(s *Settings) { s.PreemptDelay = delay })
		case 14:
			w.configure(r, func(s *Settings) { s.Priority = priority })
		case 15:
			w.reconfigure(r)
		}
	}
}

// reconfigure changes what others hear of a router: its interval, in version 3, and its
// address, which for a group would mean another order on each link.
func (w *simWorld) reconfigure(r *simRouter) {
	if w.version == V3 && w.rng.IntN(2) == 0 {
		interval := []time.Duration{w.shortest, w.longest}[w.rng.IntN(2)]
		w.configure(r, func(s *Settings) { s.Interval = interval })
	} else if w.links == 1 {
		address := simAddress(r.host.index, w.rng.IntN(20))
		w.configure(r, func(s *Settings) { s.Address = address })
	}
}

// somePriority is any; ties and owners are not rare.
func (w *simWorld) somePriority() uint8 {
	switch w.rng.IntN(8) {
	case 0:
		return OwnerPriority
	case 1, 2, 3:
		return 100
	default:
		return uint8(1 + w.rng.IntN(254))
	}
}

// someDelay is a delay of preemption, most often none.
func (w *simWorld) someDelay(interval time.Duration) time.Duration {
	if w.rng.IntN(3) > 0 {
		return 0
	}
	return time.Duration(w.rng.Int64N(int64(12 * interval)))
}
