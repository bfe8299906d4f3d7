package vrrp

import "time"

// order is what a retiring router was asked for. Orders add up while it retires, and
// the strongest, the last of these, says what becomes of it.
type order uint8

const (
	forFailover order = iota // then stand by
	forGroup                 // then be backup
	forFault                 // then wait in Fault
	forAbandon               // then end; where nobody takes over the addresses stay
	forStop                  // then end; where nobody takes over the addresses go
	orders
)

// retire says priority 0 and goes on answering, until another router is heard or the
// limit has come. No announcement, no reply and no further advertisement is sent.
func (m *Machine) retire(o order, why string) {
	m.sent = 0
	m.emit(Effect{Kind: SendAdvert})
	m.enter(Retiring, why)
	m.asked, m.taker = [orders]bool{}, Advert{}
	m.ask(o, why)
	m.limit = m.now.Add(m.RetireLimit())
}

// ask adds an order.
func (m *Machine) ask(o order, why string) {
	if !m.asked[o] {
		m.asked[o], m.why[o] = true, why
	}
}

// withdraw takes an order back. Where none is left and nobody took over yet, the router
// is master again.
func (m *Machine) withdraw(o order, cause string) {
	if !m.asked[o] {
		return
	}
	m.asked[o] = false
	takenOver := !m.letGo.IsZero()
	if m.strongest() == orders && !takenOver {
		m.becomeMaster(cause)
	}
	if o == forFailover {
		m.emit(Effect{Kind: FailedOver, Done: takenOver})
	}
}

// strongest is the order that says what becomes of the router; orders: there is none.
func (m *Machine) strongest() order {
	for o := orders; o > 0; o-- {
		if m.asked[o-1] {
			return o - 1
		}
	}
	return orders
}

// hearAsRetiring waits for the first advertisement with a priority. After it, what is
// heard counts as it does for a backup.
func (m *Machine) hearAsRetiring(a Advert) {
	if m.letGo.IsZero() {
		if a.Priority == 0 {
			return
		}
		m.letGo, m.limit, m.taker = m.now.Add(grace), time.Time{}, a
	}
	m.follow(a)
}

// timerAsRetiring ends the grace, or the wait for somebody to take over.
func (m *Machine) timerAsRetiring() {
	switch {
	case m.due(m.letGo):
		m.removeAddresses()
		m.settle(m.stateAfter(), m.whyTaken(), true)
	case m.due(m.limit):
		m.nobodyCame()
	}
}

// nobodyCame ends a retirement at its limit.
func (m *Machine) nobodyCame() {
	switch m.strongest() {
	case forFailover:
		m.becomeMaster(m.whyNobody("master again"))
		m.emit(Effect{Kind: FailedOver})
	case forGroup:
		m.settle(Backup, m.whyNobody("the addresses stay until one does"), false)
	case forAbandon:
		m.settle(Init, m.whyNobody("the addresses stay on this host"), false)
	default:
		m.removeAddresses()
		m.settle(m.stateAfter(), m.whyNobody("the addresses were removed"), false)
	}
}

// stateAfter is what becomes of a router that has let go.
func (m *Machine) stateAfter() State {
	switch m.strongest() {
	case forStop, forAbandon:
		return Init
	case forFault:
		return Fault
	default:
		return Backup
	}
}

// settle leaves Retiring, and answers those who wait for it.
func (m *Machine) settle(to State, cause string, takenOver bool) {
	failover := m.asked[forFailover]
	if failover && takenOver {
		m.standBy = true
	}
	masterDown, armed, released := m.masterDown, m.armed, m.released
	m.enter(to, cause)
	switch to {
	case Backup:
		if m.masterDown, m.armed, m.released = masterDown, armed, released; masterDown.from.IsZero() {
			m.arm()
		}
	case Fault:
		m.fault = m.why[forFault]
	}
	if failover {
		m.emit(Effect{Kind: FailedOver, Done: takenOver})
	}
	if to == Init {
		m.ended()
	}
}

// ended is the last that is heard of a router.
func (m *Machine) ended() {
	m.started = false
	m.emit(Effect{Kind: Ended})
}

// end is Shutdown of RFC 9568, sections 6.4.2 and 6.4.3. Addresses that a backup has
// found or kept go, unless the router was abandoned and nobody is known to have them.
func (m *Machine) end(o order, why string) {
	switch m.state {
	case Master:
		m.retire(o, why)
	case Retiring:
		m.ask(o, why)
	default:
		if o == forStop || !m.letGo.IsZero() {
			m.removeAddresses()
		}
		m.enter(Init, why)
		m.ended()
	}
}

// failover hands over and has the router stand by. The owner of the addresses can't.
func (m *Machine) failover(why string) {
	switch {
	case m.state == Retiring: // one answer for all who asked
		m.ask(forFailover, why)
	case m.owner():
		m.emit(Effect{Kind: FailedOver})
	case m.state == Master:
		m.retire(forFailover, why)
	default:
		m.standBy = true
		m.emit(Effect{Kind: FailedOver, Done: true})
	}
}

// cancel ends standing by, and a failover that is under way.
func (m *Machine) cancel() {
	m.standBy = false
	if m.state == Retiring {
		m.withdraw(forFailover, "operator cancelled the failover before any router took over")
	}
	m.readvertise()
}

// fail hands over and waits in Fault. Over a dead link nothing can be said, so that
// nobody would hear us hand over: the addresses go at once.
func (m *Machine) fail(why string, dead bool) {
	switch {
	case m.state == Fault:
		return
	case m.state == Master && !dead:
		m.retire(forFault, why)
		return
	case m.state == Retiring:
		if m.ask(forFault, why); dead {
			takenOver := !m.letGo.IsZero()
			m.removeAddresses()
			m.settle(m.stateAfter(), why, takenOver)
		}
		return
	}
	m.removeAddresses()
	m.enter(Fault, why)
	m.fault = why
}
