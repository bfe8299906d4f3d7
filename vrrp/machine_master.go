package vrrp

import "time"

// repeats are when a new master announces its addresses again, counted from its first
// announcement: what was lost, or said while a switch was still learning, is said again.
var repeats = [...]time.Duration{
	100 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second,
}

// becomeMaster speaks first, so that others step back, then adds the addresses unless
// it never let go of them, and tells the network where they are.
//
// RFC 9568, section 6.4.2, what follows when the timer fires.
func (m *Machine) becomeMaster(cause string) {
	m.learned = 0
	m.advertise()
	if !m.added {
		m.emit(Effect{Kind: AddAddresses})
	}
	m.found, m.added = false, true
	m.emit(Effect{Kind: Announce})
	m.enter(Master, cause)
	m.masterSince, m.announced, m.replied = m.now, 0, time.Time{}
	m.advertDue = m.now.Add(m.interval())
	m.announceDue = m.now.Add(repeats[0])
}

// advertise sends an advertisement with our priority.
func (m *Machine) advertise() {
	m.sent = m.Effective()
	m.emit(Effect{Kind: SendAdvert, Priority: m.sent})
}

// readvertise sends one more where the priority is another than was sent last.
func (m *Machine) readvertise() {
	if m.state == Master && m.Effective() != m.sent {
		m.advertise()
	}
}

// hearAsMaster is a master's part in RFC 9568, section 6.4.3.
func (m *Machine) hearAsMaster(a Advert) {
	ours := m.Effective()
	switch {
	case a.Priority == 0:
		// Backups that heard it too take over after their skew time, unless they hear us.
		m.advertise()
		m.advertDue = m.now.Add(m.interval())
	case a.Priority > ours || a.Priority == ours && a.Source.Compare(m.settings.Address) > 0:
		m.enter(Backup, whyBackup(a, ours))
		m.follow(a)
		m.letGo = m.now.Add(grace)
	default:
		m.reply()
	}
}

// reply asserts to a lesser master, and to the switches that heard it, who is master. Two
// routers that each believe to be the better one must not make a storm of it.
func (m *Machine) reply() {
	if !m.replied.IsZero() && m.now.Sub(m.replied) < m.interval()/2 {
		return
	}
	m.replied = m.now
	m.advertise()
	m.emit(Effect{Kind: Announce})
}

// timerAsMaster sends what is due: one advertisement and one announcement, however many
// were missed.
func (m *Machine) timerAsMaster() {
	if m.owed || m.due(m.advertDue) {
		m.advertise()
		// On the grid, or advertisements that are each a little late would drift.
		next := m.advertDue.Add(m.interval())
		if m.owed || !next.After(m.now) {
			next = m.now.Add(m.interval())
		}
		m.advertDue, m.owed = next, false
	}
	if m.due(m.announceDue) {
		m.emit(Effect{Kind: Announce})
		m.announceDue = time.Time{}
		for m.announced++; m.announced < len(repeats); m.announced++ {
			if at := m.masterSince.Add(repeats[m.announced]); at.After(m.now) {
				m.announceDue = at
				break
			}
		}
	}
}

// stepBackIfLate makes a backup of a master that did not run for so long that others
// must have taken over. It keeps its addresses until it hears one: perhaps there is
// none.
func (m *Machine) stepBackIfLate() {
	if m.state != Master {
		return
	}
	if late := m.now.Sub(m.advertDue); late > m.MasterDownInterval() {
		m.enter(Backup, whyLate(late))
		m.arm()
	}
}

// reprioritise changes the effective priority. A master stays master until it hears a
// higher one; an owner's priority is always 255, and nobody else's is.
func (m *Machine) reprioritise(priority uint8) {
	if priority == 0 || m.owner() {
		return
	}
	m.penalty = int(m.settings.Priority) - int(priority)
	m.readvertise()
}
