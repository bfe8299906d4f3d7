package vrrp

import (
	"net/netip"
	"time"
)

// hearing is which masters were heard lately, and when last. There is one, as a rule;
// more while a network heals. Of more than fit, the one that was heard longest ago is
// forgotten.
type hearing [8]heardMaster

// heardMaster is the last advertisement of one master.
type heardMaster struct {
	addr     netip.Addr // zero: a free place
	priority uint8
	interval time.Duration
	at       time.Time
}

// note takes an advertisement down; a master that says priority 0 is one no longer.
func (h *hearing) note(now time.Time, a Advert) {
	place := &h[0]
	for i := range h {
		if h[i].addr == a.Source {
			place = &h[i]
			break
		}
		if h[i].at.Before(place.at) {
			place = &h[i]
		}
	}
	switch {
	case a.Priority > 0:
		*place = heardMaster{addr: a.Source, priority: a.Priority, interval: a.Interval, at: now}
	case place.addr == a.Source:
		*place = heardMaster{}
	}
}

// until is when a master that stays silent is taken for gone.
func (m *Machine) until(h *heardMaster) time.Time { return h.at.Add(m.downInterval(h.interval)) }

// lastHeard is, of the masters that are not taken for gone, the one that was heard last;
// nil: there is none.
func (m *Machine) lastHeard() *heardMaster {
	var last *heardMaster
	for i := range m.heard {
		h := &m.heard[i]
		if h.addr.IsValid() && m.until(h).After(m.now) && (last == nil || h.at.After(last.at)) {
			last = h
		}
	}
	return last
}

// accepts reports whether a backup that hears an advertisement of that priority goes on
// waiting.
//
// RFC 9568, section 6.4.2: at an equal priority it does, whatever the addresses.
func (m *Machine) accepts(priority uint8) bool {
	return priority >= m.Effective() || !m.preempts()
}

// preempts reports whether a backup would take over from a lesser master now. Start's
// delay and PreemptDelay make it wait.
func (m *Machine) preempts() bool {
	return (m.settings.Preempt || m.owner()) && !m.standBy && !m.now.Before(m.hold) &&
		(m.lower.IsZero() || !m.now.Before(m.lower.Add(m.settings.PreemptDelay)))
}

// PreemptsAt is when a backup that hears a lesser master will no longer put up with it,
// and why not before; the zero time where nothing makes it wait.
func (m *Machine) PreemptsAt() (at time.Time, why string) {
	if m.state != Backup || !m.settings.Preempt && !m.owner() || m.standBy {
		return time.Time{}, ""
	}
	if m.now.Before(m.hold) {
		at, why = m.hold, "the last end was not in good order"
	}
	if delayed := m.lower.Add(m.settings.PreemptDelay); !m.lower.IsZero() && m.now.Before(delayed) && delayed.After(at) {
		at, why = delayed, "preempt_delay"
	}
	return at, why
}

// respects reports whether a backup must not become master while it hears that one: a
// better one, or any where it does not preempt.
func (m *Machine) respects(h *heardMaster) bool {
	ours := m.Effective()
	return h.priority > ours || h.priority == ours && h.addr.Compare(m.settings.Address) > 0 || !m.preempts()
}

// respected is, of the masters that it respects and that are not taken for gone, the
// one that will be last if they stay silent; nil: there is none.
//
// The master down timer alone does not say so: a priority 0 of one master sets it
// although another is heard, and a lower priority of our own makes us respect a master
// whose advertisements were discarded a moment ago.
func (m *Machine) respected() *heardMaster {
	var last *heardMaster
	until := m.now
	for i := range m.heard {
		h := &m.heard[i]
		if !h.addr.IsValid() || !m.respects(h) {
			continue
		}
		if u := m.until(h); u.After(until) {
			last, until = h, u
		}
	}
	return last
}

// reconsider has a router that waits for its group wait for a master again, where it
// hears one that it respects by now.
func (m *Machine) reconsider() {
	if !m.wanting {
		return
	}
	if h := m.respected(); h != nil {
		m.wanting = false
		m.waitFor(h)
	}
}
