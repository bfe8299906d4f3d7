package vrrp

import "time"

// start is Startup of RFC 9568, section 6.4.1. In Fault it only notes what it is told:
// Recover will start the router.
func (m *Machine) start(e Event) {
	if m.started || m.state != Init && m.state != Fault {
		return
	}
	m.started = true
	m.standBy = m.standBy || e.StandBy
	m.found = m.found || e.Holding
	m.hold = m.now.Add(e.Delay)
	if m.state == Fault {
		m.removeAddresses()
		return
	}
	m.begin("started")
}

// recover ends a fault.
func (m *Machine) recover() {
	switch {
	case m.state == Retiring:
		m.withdraw(forFault, m.why[forFault]+": over before any router took over")
	case m.state == Fault && m.started:
		m.begin("recovered from: " + m.fault)
	case m.state == Fault:
		m.enter(Init, "recovered from: "+m.fault)
	}
}

// begin takes part. The owner is master at once, unless it stands by or preemption is
// held after an unclean start: then it must first find out, as any other, whether
// somebody is master.
//
// RFC 9568, section 6.4.1.
func (m *Machine) begin(cause string) {
	m.learned = 0
	switch atOnce := m.owner() && !m.standBy && !m.now.Before(m.hold); {
	case atOnce && m.settings.Grouped:
		m.enter(Backup, cause)
		m.want("it is the owner of the addresses")
	case atOnce:
		m.becomeMaster(cause + "; the owner of the addresses is master at once")
	default:
		m.enter(Backup, cause)
		m.arm()
	}
}

// hearAsBackup is a backup's part in RFC 9568, section 6.4.2, and the end of addresses
// that it found or kept: there is a master that has them.
func (m *Machine) hearAsBackup(a Advert) {
	if a.Priority > 0 && m.letGo.IsZero() {
		m.removeAddresses()
	}
	m.follow(a)
}

// follow sets the master down timer by an advertisement.
//
// RFC 9568, section 6.4.2: priority 0 sets it to the skew time; one that is accepted is
// learned from and sets it to the master down interval; others are discarded, so that
// it runs out.
func (m *Machine) follow(a Advert) {
	if a.Priority == 0 {
		if !m.wanting { // it has run out already
			m.armSkew(a.Source)
		}
		return
	}
	switch {
	case a.Priority >= m.Effective():
		m.lower = time.Time{}
	case m.lower.IsZero():
		m.lower = m.now
	}
	if m.accepts(a.Priority) {
		m.learned, m.wanting = a.Interval, false
		m.arm()
	}
}

// timerAsBackup is the master down timer and the end of a grace. Where both have come
// it becomes master without letting go first.
func (m *Machine) timerAsBackup() {
	if m.due(m.masterDownAt()) {
		m.masterIsDown()
	}
	if m.state == Backup && m.due(m.letGo) {
		m.removeAddresses()
	}
}

// masterIsDown is what follows when the master down timer has run out.
func (m *Machine) masterIsDown() {
	switch h := m.respected(); {
	case h != nil:
		m.waitFor(h)
	case m.settings.Grouped:
		m.want(m.whyMaster())
	default:
		m.becomeMaster(m.whyMaster())
	}
}

// want tells the sync group that this router is ready to be master.
func (m *Machine) want(why string) {
	m.masterDown = downTimer{}
	m.wanting, m.wants = true, why
	m.emit(Effect{Kind: Wants, Cause: why})
}

// groupMaster is the sync group's word that all its routers are ready. A master that is
// heard and respected is stronger.
func (m *Machine) groupMaster() {
	cause := "the whole sync group is ready"
	switch {
	case m.state == Retiring:
		m.withdraw(forGroup, cause)
	case m.state == Backup && m.respected() == nil:
		if m.wanting {
			cause += ": " + m.wants
		}
		m.becomeMaster(cause)
	}
}

// groupBackup is the sync group's word that it is not master as a whole.
func (m *Machine) groupBackup(cause string) {
	switch m.state {
	case Master:
		m.retire(forGroup, cause)
	case Retiring:
		m.ask(forGroup, cause)
	case Backup:
		m.wanting = false
		m.arm()
	}
}
