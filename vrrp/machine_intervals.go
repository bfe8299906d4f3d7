package vrrp

import (
	"net/netip"
	"time"
)

// interval is the time between two advertisements of ours.
func (m *Machine) interval() time.Duration {
	if m.settings.Interval <= 0 {
		return time.Second
	}
	return m.settings.Interval
}

// downInterval is the master down interval for a master that advertises at an interval,
// zero for our own. In version 2 all routers have the same, and a master's is not
// learned.
//
// RFC 9568, section 6.1: Active_Down_Interval; RFC 3768, section 6.1: Master_Down_Interval.
func (m *Machine) downInterval(interval time.Duration) time.Duration {
	return 3*m.followed(interval) + m.skew(interval)
}

// skew is the part of the master down interval that lets the highest priority come
// first. Version 2 has it in parts of a second, whatever the interval is.
//
// RFC 9568, section 6.1: Skew_Time; RFC 3768, section 6.1: Skew_Time.
func (m *Machine) skew(interval time.Duration) time.Duration {
	unit := m.followed(interval)
	if m.settings.Version == V2 {
		unit = time.Second
	}
	return time.Duration(256-int(m.Effective())) * unit / 256
}

// followed is the interval to reckon with for a master that advertises at an interval.
func (m *Machine) followed(interval time.Duration) time.Duration {
	if interval <= 0 || m.settings.Version == V2 {
		return m.interval()
	}
	return interval
}

// downTimer is the master down timer. It runs out a skew time after a moment: for the
// interval by which it was set, and for the priority of the day. So it runs faster from
// the moment on that the priority rises, as keepalived's does.
type downTimer struct {
	from     time.Time // zero: it does not run
	interval time.Duration
}

// masterDownAt is when the master down timer runs out; zero: it does not run.
func (m *Machine) masterDownAt() time.Time {
	if m.masterDown.from.IsZero() {
		return time.Time{}
	}
	return m.masterDown.from.Add(m.skew(m.masterDown.interval))
}

// arm sets the master down timer to the master down interval.
func (m *Machine) arm() {
	m.masterDown = downTimer{m.now.Add(3 * m.followed(m.learned)), m.learned}
	m.armed, m.released = m.now, netip.Addr{}
}

// armSkew sets the master down timer to the skew time, as a master said priority 0.
func (m *Machine) armSkew(by netip.Addr) {
	m.masterDown = downTimer{m.now, m.learned}
	m.armed, m.released = m.now, by
}

// waitFor sets the master down timer to what is left for a master that was heard.
func (m *Machine) waitFor(h *heardMaster) {
	m.masterDown = downTimer{h.at.Add(3 * m.followed(h.interval)), h.interval}
}
