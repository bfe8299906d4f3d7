package vrrp

import (
	"strings"
	"time"
)

// checkStep holds what a step asked for to the rules, and keeps the state as the effects
// tell it.
func (w *simWorld) checkStep(r *simRouter, e Event, effects []Effect) {
	switch e.Kind {
	case Stop, Abandon:
		r.stops++
	case Failover:
		r.failovers++
	}
	late := w.checkLate(r, effects)
	before, holding := r.state, r.holding
	for i, effect := range effects {
		switch effect.Kind {
		case SendAdvert:
			w.checkAdvert(r, effect.Priority, effects[i:])
		case Announce:
			if !r.isMaster(effects[i:]) {
				w.broken(r, "it announces as %s", r.state)
			}
		case AddAddresses:
			// Those that were found at the start are perhaps not all.
			if r.added || !r.isMaster(effects[i:]) {
				w.broken(r, "it adds its addresses as %s, added before: %t", r.state, r.added)
			}
			holding, r.added = true, true
		case RemoveAddresses:
			if !holding {
				w.broken(r, "it removes addresses that are not there")
			}
			holding, r.added = false, false
		case Changed:
			w.checkChange(r, effect)
			w.changes[effect.From][effect.To]++
			r.state = effect.To
		case FailedOver:
			if r.failovers == 0 {
				w.broken(r, "it answers a failover that nobody asked for")
			}
			r.failovers = 0
		case Ended:
			if r.stops == 0 || r.state != Init || i != len(effects)-1 {
				w.broken(r, "it ended as %s, %d orders to stop", r.state, r.stops)
			}
			r.stops = 0
		}
	}
	if e.Kind == Heard && before == Master && !late {
		w.checkYield(r, e.Advert)
	}
	w.checkAfter(r, e, effects, holding)
	w.checkLetGo(r, e, holding)
}

// checkLetGo: a router that is not master lets go of its addresses within the grace of
// the first advertisement that it hears, also if it ends before.
func (w *simWorld) checkLetGo(r *simRouter, e Event, holding bool) {
	switch {
	case !holding || r.state == Master:
		r.letGo = time.Time{}
	case r.letGo.IsZero() && e.Kind == Heard && e.Advert.Priority > 0:
		r.letGo = w.now.Add(grace)
	case r.letGo.IsZero():
	case r.state == Init || e.Kind == Timer && !w.now.Before(r.letGo):
		w.broken(r, "it still holds its addresses as %s, and another was heard", r.state)
	}
}

// checkAfter is what must be so after each step.
func (w *simWorld) checkAfter(r *simRouter, e Event, effects []Effect, holding bool) {
	m := r.machine
	if m.State() != r.state {
		w.broken(r, "it is %s and its effects say %s", m.State(), r.state)
	}
	if m.Holding() != holding {
		w.broken(r, "holding is %t and its effects say %t", m.Holding(), holding)
	}
	if holding && r.state == Fault || !holding && (r.state == Master || r.state == Retiring) {
		w.broken(r, "holding is %t as %s", holding, r.state)
	}
	if r.state != Retiring && r.stops+r.failovers > 0 {
		w.broken(r, "%d stops and %d failovers have no answer, and it is %s", r.stops, r.failovers, r.state)
	}
	if m.Wanting() && (r.state != Backup || !r.settings.Grouped) {
		w.broken(r, "it wants to be master as %s, grouped=%t", r.state, r.settings.Grouped)
	}
	if r.state == Retiring && m.Next().IsZero() || r.state == Master && m.Next().IsZero() {
		w.broken(r, "it is %s for ever", r.state)
	}
	if len(effects) > 10 {
		w.broken(r, "it asks for %d things at once", len(effects))
	}
	if e.Kind == Timer && len(effects) == 0 && !m.Next().IsZero() && !m.Next().After(w.now) {
		w.broken(r, "a timer did nothing and is due again")
	}
}

// isMaster reports whether the router is master at the first of these effects: it is
// one already, or the next change makes it one.
func (r *simRouter) isMaster(effects []Effect) bool {
	for _, e := range effects {
		if e.Kind == Changed {
			return r.state == Master || e.To == Master
		}
	}
	return r.state == Master
}

// checkAdvert: a priority is said by a master only, and it is the router's; priority 0
// is what a master says last.
func (w *simWorld) checkAdvert(r *simRouter, priority uint8, effects []Effect) {
	switch {
	case priority == 0 && r.state != Master:
		w.broken(r, "it says priority 0 as %s", r.state)
	case priority > 0 && !r.isMaster(effects):
		w.broken(r, "it says priority %d as %s", priority, r.state)
	case priority > 0 && priority != r.machine.Effective():
		w.broken(r, "it says priority %d, its own is %d", priority, r.machine.Effective())
	}
	r.mustBy = w.now.Add(r.settings.Interval)
}

// checkLate: a master that is late by more than its master down interval steps back
// before anything else. It reports whether it did.
func (w *simWorld) checkLate(r *simRouter, effects []Effect) (late bool) {
	late = len(effects) > 0 && effects[0].To == Backup && strings.HasPrefix(effects[0].Cause, "this host did not run in time")
	if r.state == Master && !late && w.now.Sub(r.mustBy) > r.down(r.settings.Interval) {
		w.broken(r, "it is late by %s and still master", w.now.Sub(r.mustBy))
	}
	return late
}

// checkYield: a master steps down for a higher priority and for an equal one from a
// higher address, and for nothing else.
func (w *simWorld) checkYield(r *simRouter, a Advert) {
	ours := r.machine.Effective()
	better := a.Priority > ours || a.Priority == ours && a.Source.Compare(r.settings.Address) > 0
	if better != (r.state == Backup) {
		w.broken(r, "as master at priority %d it heard %s at %d and is %s", ours, a.Source, a.Priority, r.state)
	}
}

// checkChange: the changes join, and no backup becomes master while it hears a master of
// higher priority, or of equal priority and higher address, or any master where preempt
// is off. To hear one is to have been delivered an advertisement of it within the master
// down interval that its own advert interval gives, and no priority 0 after it.
func (w *simWorld) checkChange(r *simRouter, change Effect) {
	if change.From != r.state || change.From == change.To || change.Cause == "" {
		w.broken(r, "it is %s and changed: %s -> %s: %q", r.state, change.From, change.To, change.Cause)
	}
	if change.From != Backup || change.To != Master {
		return
	}
	ours := r.machine.Effective()
	owner := r.settings.Priority == OwnerPriority
	preempts := (r.settings.Preempt || owner) && !r.machine.StandingBy() && !w.now.Before(r.hold)
	for from, h := range r.heard {
		if h.at.IsZero() || w.now.Sub(h.at) >= r.down(h.advert.Interval) {
			continue
		}
		theirs := h.advert.Priority
		better := theirs > ours || theirs == ours && h.advert.Source.Compare(r.settings.Address) > 0
		if better || !preempts {
			w.broken(r, "it becomes master at priority %d, preempts=%t, and heard host %d at priority %d %s ago",
				ours, preempts, from, theirs, w.now.Sub(h.at))
		}
	}
}

// down is the master down interval, written down a second time: RFC 9568 and RFC 3768,
// section 6.1.
func (r *simRouter) down(interval time.Duration) time.Duration {
	part := time.Duration(256 - int(r.machine.Effective()))
	if r.settings.Version == V2 {
		return 3*r.settings.Interval + part*time.Second/256
	}
	return 3*interval + part*interval/256
}
