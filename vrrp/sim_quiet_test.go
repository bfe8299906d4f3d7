package vrrp

import "time"

// someQuiet puts the world in order, waits until what was under way is over, and then
// holds it to this: on each link there is one master, of the highest priority, within
//
//	3 x the longest advert interval + skew time + the largest delay of the network,
//
// for the skew time of the highest priority at that interval, and after a further grace
// nobody but the master holds the addresses. Both stay so.
//
// Why that is enough, with H the router of the highest priority. Its master down timer
// was set before the quiet began, or at its beginning, by an interval that is at most
// the longest; since then it has accepted nothing, as only equals are accepted and of
// those there may be one that is master already. So H, or an equal, is master after at
// most three intervals and the skew time, and each other master hears it after at most
// the delay and steps down. No other backup becomes master after it has heard H, not
// even when what a lesser master said before is delivered after it with a shorter
// interval: H is waited for by H's own interval. Its advertisements keep coming within
// that as long as the delay is less than two intervals.
//
// Of equal priorities the one that is master stays (RFC 9568, section 6.4.2), and of
// two that are the higher address wins.
//
// Sync groups may take a skew time more for each lesser host: the host that steps down
// on one link says priority 0 on the other, and that sets H's timer there to the skew
// time, however little was left of it. It does so once: it hears the better host then.
func (w *simWorld) someQuiet() {
	if w.err != nil {
		return
	}
	w.tell("quiet")
	w.settle()
	if w.err != nil {
		return
	}
	w.tell("undisturbed")
	w.pass(w.bound())
	w.calm = true
	w.mustBeCalm()
	w.pass(grace)
	w.mustHoldAlone()
	w.pass(5 * w.longest)
	w.mustHoldAlone()
	w.calm = false
}

// settle ends all that disturbs: it heals, recovers, starts, cancels and waits until
// that is over, what was sent before has arrived, and nobody retires. Priorities stay as
// they are, but those of a sync group are made equal.
func (w *simWorld) settle() {
	w.cut = [simMaxHosts][simMaxHosts][simMaxLinks]bool{}
	w.loss, w.jitter = 0, 0
	disturbed := w.now
	for deadline := w.now.Add(200 * w.longest); w.err == nil; w.pass(w.shortest) {
		retiring := false
		for _, h := range w.hosts {
			if h.stalled || w.calmDown(h) {
				disturbed = w.now
			}
			for _, r := range h.routers {
				retiring = retiring || r.state != Backup && r.state != Master || w.now.Before(r.hold)
			}
		}
		if w.now.Sub(disturbed) > w.delay && !retiring {
			return
		}
		if w.now.After(deadline) {
			w.broken(w.hosts[0].routers[0], "the world does not settle")
		}
	}
}

// calmDown ends what disturbs a host, and reports whether there was anything.
func (w *simWorld) calmDown(h *simHost) (disturbed bool) {
	level := true
	for _, r := range h.routers {
		if r.machine == nil {
			r.dead, disturbed = false, true
			w.launch(r, 0)
		}
		wanted := r.settings
		wanted.Preempt, wanted.PreemptDelay, wanted.Priority = true, 0, h.routers[0].settings.Priority
		if wanted != r.settings {
			w.configure(r, func(s *Settings) { *s = wanted })
			disturbed = true
		}
		if r.machine.StandingBy() {
			w.order(r, Event{Kind: Cancel})
			disturbed = true
		}
		if r.state == Fault || r.dead {
			r.dead, disturbed = false, true
			w.order(r, Event{Kind: Recover})
		}
		level = level && r.machine.Effective() == h.routers[0].machine.Effective()
	}
	if priority := w.somePriority(); !level {
		for _, r := range h.routers {
			w.order(r, Event{Kind: Reprioritise, Priority: priority})
		}
	}
	return disturbed || !level
}

// bound is how long it may take.
func (w *simWorld) bound() time.Duration {
	highest := uint8(0)
	for _, h := range w.hosts {
		for _, r := range h.routers {
			highest = max(highest, r.machine.Effective())
		}
	}
	skew := time.Duration(256-int(highest)) * w.longest / 256
	if w.version == V2 {
		skew = time.Duration(256-int(highest)) * time.Second / 256
	}
	if w.links > 1 {
		skew *= time.Duration(len(w.hosts))
	}
	return 3*w.longest + skew + w.delay
}

// mustBeCalm: on each link there is one master, of the highest priority.
func (w *simWorld) mustBeCalm() {
	for link := range w.links {
		masters, highest := 0, uint8(0)
		var master *simRouter
		for _, h := range w.hosts {
			r := h.routers[link]
			if highest = max(highest, r.machine.Effective()); r.state == Master {
				master = r
				masters++
			}
		}
		r := w.hosts[0].routers[link]
		switch {
		case masters != 1:
			w.broken(r, "there are %d masters", masters)
		case master.machine.Effective() != highest:
			w.broken(r, "the master has priority %d, another has %d", master.machine.Effective(), highest)
		}
	}
}

// mustHoldAlone: nobody but the master holds the addresses.
func (w *simWorld) mustHoldAlone() {
	for _, h := range w.hosts {
		for _, r := range h.routers {
			if r.holding != (r.state == Master) {
				w.broken(r, "holding the addresses is %t as %s", r.holding, r.state)
			}
		}
	}
}
