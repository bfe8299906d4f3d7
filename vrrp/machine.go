package vrrp

import (
	"net/netip"
	"time"
)

// Settings are what a [Machine] goes by. Zero values are safe: version 3, priority 1,
// an interval of a second.
type Settings struct {
	Version  Version
	Priority uint8 // as configured, 1..255; 255 is the owner of the addresses
	// Interval is the time between two advertisements of ours.
	Interval time.Duration
	// Preempt has a backup take over from a master of lower priority. The owner does so
	// in any case (RFC 9568, section 6.1, Preempt_Mode).
	Preempt bool
	// PreemptDelay is how long a backup puts up with masters of lower priority before it
	// preempts. As in keepalived it counts from the first such advertisement, and
	// afresh after one of equal or higher priority.
	PreemptDelay time.Duration
	Address      netip.Addr // our source address: of equal priorities the higher address wins
	Grouped      bool       // it becomes master only with its sync group
}

// Machine is the state machine of one virtual router: RFC 9568, section 6.4, for both
// versions of the protocol. It is a pure function of its state, an event and the time;
// it asks for effects, which the caller carries out in their order.
//
// It departs from the RFC in this:
//
//   - A router that leaves is [Retiring]: it says priority 0 and goes on answering
//     until another router is heard.
//   - A master that hears a better one stops to speak at once, but answers for a grace
//     of 20 ms: some routers advertise before they add their addresses.
//   - A backup takes nobody's word for another: after a priority 0 it still waits for
//     any other master that it hears and would not preempt.
//   - A master that is late with an advertisement by more than its own master down
//     interval steps back, since others may have taken over.
//   - A router that stands by has priority 1 and does not preempt, until Cancel.
//
// An event that makes no sense in a state (Start as master, Recover as backup) is
// ignored. A Machine is not safe for concurrent use.
type Machine struct {
	settings Settings
	state    State
	now      time.Time // of the last Step
	effects  []Effect

	started bool
	standBy bool
	wanting bool
	penalty int    // what Reprioritise took off the configured priority
	fault   string // why it is in Fault
	wants   string // why it is wanting

	found bool // addresses were on the host at the start; all of them or some
	added bool // they were added, and not removed since

	heard    hearing
	learned  time.Duration // the interval of the master that is followed; zero: our own
	lower    time.Time     // first advertisement of lower priority in a row, as backup
	hold     time.Time     // no preemption before this, as Start said
	armed    time.Time     // when the master down timer was set
	released netip.Addr    // who set it to skew time, with priority 0

	masterSince time.Time
	announced   int       // repeats of the announcement that are over
	replied     time.Time // the last reply to a lesser master
	sent        uint8     // the priority that was sent last
	owed        bool      // Configure changed what is advertised

	asked [orders]bool   // of a retiring router
	why   [orders]string // the cause of each
	taker Advert         // who took over

	// Timers; a zero one does not run.
	advertDue   time.Time // Master: the next advertisement
	announceDue time.Time // Master: the next repeat of the announcement
	masterDown  downTimer // Backup
	letGo       time.Time // Backup, Retiring: another is master, the addresses go
	limit       time.Time // Retiring: nobody took over
}

// grace is how long addresses are still answered for once another master was heard.
const grace = 20 * time.Millisecond

// NewMachine returns a machine in Init.
func NewMachine(s Settings) *Machine {
	return &Machine{settings: s, effects: make([]Effect, 0, 8)}
}

// Configure changes the settings in place. State and running timers stay; what
// Reprioritise took off the priority stays off the new one, but an owner's. A master
// whose advertisement has changed owes one: Next is due at once.
func (m *Machine) Configure(s Settings) {
	before := m.settings
	m.settings = s
	if before.Priority == OwnerPriority || s.Priority == OwnerPriority {
		m.penalty = 0
	}
	if m.state == Master && (m.Effective() != m.sent || s.Interval != before.Interval || s.Version != before.Version) {
		m.owed = true
	}
	if m.wanting && !s.Grouped {
		m.wanting, m.masterDown = false, downTimer{m.now.Add(-m.skew(0)), 0} // due
	}
	m.reconsider()
}

// Step takes what happened at a time, which is never before that of the step before,
// and returns what is to be done, in order. Advertisements that have arrived must be
// stepped before a Timer. The slice is valid until the next Step.
func (m *Machine) Step(now time.Time, e Event) []Effect {
	m.now, m.effects = now, m.effects[:0]
	m.stepBackIfLate()
	switch e.Kind {
	case Start:
		m.start(e)
	case Stop:
		m.end(forStop, or(e.Cause, "operator's stop"))
	case Abandon:
		m.end(forAbandon, or(e.Cause, "the daemon is gone"))
	case Failover:
		m.failover(or(e.Cause, "operator's failover"))
	case Cancel:
		m.cancel()
	case Heard:
		m.hear(e.Advert)
	case Timer:
		m.timer()
	case Fail:
		m.fail(or(e.Cause, "fault"), e.Dead)
	case Recover:
		m.recover()
	case Reprioritise:
		m.reprioritise(e.Priority)
	case GroupMaster:
		m.groupMaster()
	case GroupBackup:
		m.groupBackup(or(e.Cause, "another router of the sync group is no longer master"))
	}
	m.reconsider()
	return m.effects
}

// Next is when a Timer event is due; zero: never, unless something else happens first.
func (m *Machine) Next() time.Time {
	if m.owed {
		return m.now
	}
	var next time.Time
	for _, t := range [...]time.Time{m.advertDue, m.announceDue, m.letGo, m.limit} {
		next = earlier(next, t)
	}
	if m.state == Backup {
		next = earlier(next, m.masterDownAt())
	}
	return next
}

// State is the state.
func (m *Machine) State() State { return m.state }

// Holding reports whether our addresses are, as far as the machine asked, on the host.
// That can be so in every state but Fault.
func (m *Machine) Holding() bool { return m.found || m.added }

// StandingBy reports whether an operator had it stand by.
func (m *Machine) StandingBy() bool { return m.standBy }

// Wanting reports whether the router is grouped, its master down timer has run out, and
// it waits for the group.
func (m *Machine) Wanting() bool { return m.wanting }

// Effective is the priority that it advertises as master and compares with, 1..255.
func (m *Machine) Effective() uint8 {
	switch {
	case m.standBy:
		return 1
	case m.owner():
		return OwnerPriority
	default:
		return uint8(min(max(int(m.settings.Priority)-m.penalty, 1), OwnerPriority-1))
	}
}

// Master is the master that was last heard and may still be there, and its priority;
// where we are the master, our own. The zero address: unknown.
func (m *Machine) Master() (addr netip.Addr, priority uint8) {
	if m.state == Master {
		return m.settings.Address, m.Effective()
	}
	if m.state == Retiring && m.letGo.IsZero() {
		return netip.Addr{}, 0
	}
	if last := m.lastHeard(); last != nil {
		return last.addr, last.priority
	}
	return netip.Addr{}, 0
}

// MasterDownInterval is how long a master must be silent before this router takes it
// for gone: Active_Down_Interval of RFC 9568, Master_Down_Interval of RFC 3768.
func (m *Machine) MasterDownInterval() time.Duration { return m.downInterval(m.learned) }

// RetireLimit is how long a retiring router waits for another to take over: four advert
// intervals. That is longer than any backup's master down interval, so that one that
// missed the priority 0 still comes in time.
func (m *Machine) RetireLimit() time.Duration { return RetireIntervals * m.interval() }

// owner reports whether the router owns the addresses.
func (m *Machine) owner() bool { return m.settings.Priority == OwnerPriority }

// emit asks for an effect.
func (m *Machine) emit(e Effect) { m.effects = append(m.effects, e) }

// enter changes the state and stops all timers. The caller starts those of the new one.
func (m *Machine) enter(to State, cause string) {
	from := m.state
	m.state = to
	m.wanting, m.owed = false, false
	m.lower, m.released = time.Time{}, netip.Addr{}
	m.advertDue, m.announceDue, m.masterDown, m.letGo, m.limit = time.Time{}, time.Time{}, downTimer{}, time.Time{}, time.Time{}
	if from != to {
		m.emit(Effect{Kind: Changed, From: from, To: to, Cause: cause})
	}
}

// removeAddresses takes the addresses off, if any are on.
func (m *Machine) removeAddresses() {
	if m.Holding() {
		m.emit(Effect{Kind: RemoveAddresses})
	}
	m.found, m.added = false, false
	m.letGo = time.Time{}
}

// hear is what each state does with an advertisement.
func (m *Machine) hear(a Advert) {
	if m.settings.Version == V2 || a.Interval <= 0 {
		a.Interval = m.interval()
	}
	m.heard.note(m.now, a)
	switch m.state {
	case Backup:
		m.hearAsBackup(a)
	case Master:
		m.hearAsMaster(a)
	case Retiring:
		m.hearAsRetiring(a)
	}
}

// timer is what each state does when a time has come.
func (m *Machine) timer() {
	switch m.state {
	case Backup:
		m.timerAsBackup()
	case Master:
		m.timerAsMaster()
	case Retiring:
		m.timerAsRetiring()
	}
}

// due reports whether a timer runs and its time has come.
func (m *Machine) due(timer time.Time) bool { return !timer.IsZero() && !m.now.Before(timer) }

// or is the first string, or where it is empty the second.
func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// earlier is the earlier of two times; zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
