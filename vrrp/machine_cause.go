package vrrp

import (
	"fmt"
	"time"
)

// whyMaster says why a backup becomes master.
func (m *Machine) whyMaster() string {
	ours := m.Effective()
	if addr, priority := m.Master(); priority == ours {
		return fmt.Sprintf("%s advertises our priority %d too, and has the lower address", addr, ours)
	} else if addr.IsValid() {
		return fmt.Sprintf("%s advertises priority %d, ours is %d", addr, priority, ours)
	}
	since := m.armed
	for i := range m.heard {
		if at := m.heard[i].at; at.After(since) {
			since = at
		}
	}
	silence := round(m.now.Sub(since))
	if m.released.IsValid() {
		return fmt.Sprintf("%s said priority 0, and nobody took over for %s", m.released, silence)
	}
	return fmt.Sprintf("master down timer ran out: nobody was heard for %s", silence)
}

// whyBackup says why a master steps down for another.
func whyBackup(a Advert, ours uint8) string {
	if a.Priority == ours {
		return fmt.Sprintf("%s advertises our priority %d too, and has the higher address", a.Source, ours)
	}
	return fmt.Sprintf("%s advertises priority %d, ours is %d", a.Source, a.Priority, ours)
}

// whyLate says why a master steps back.
func whyLate(late time.Duration) string {
	return fmt.Sprintf("this host did not run in time: an advertisement is %s late, another router may have taken over", round(late))
}

// whyTaken says how a retirement ended well.
func (m *Machine) whyTaken() string {
	sentence := fmt.Sprintf("%s took over with priority %d", m.taker.Source, m.taker.Priority)
	if o := m.strongest(); o != orders {
		return m.why[o] + ": " + sentence
	}
	return sentence
}

// whyNobody says how a retirement ended at its limit.
func (m *Machine) whyNobody(outcome string) string {
	return fmt.Sprintf("%s: no router took over within %s; %s", m.why[m.strongest()], round(m.RetireLimit()), outcome)
}

// round leaves of a duration what an operator reads.
func round(d time.Duration) time.Duration {
	unit := time.Microsecond
	for d >= 1000*unit {
		unit *= 10
	}
	return d.Round(unit)
}
