package vrrp

import (
	"net/netip"
	"time"
)

// State is a state of the machine.
type State uint8

// The states. Init and Fault are both RFC 9568's Initialize: Init before the router
// was started and after it was stopped, Fault while it can't take part.
const (
	Init State = iota
	Fault
	Backup
	Master
	// Retiring is a master that has said priority 0 and goes on answering until
	// another router is heard to have taken over.
	Retiring
)

// String returns the state's name in status and logs.
func (s State) String() string {
	return [...]string{"init", "fault", "backup", "master", "retiring"}[s]
}

// EventKind is what happened.
type EventKind uint8

// What can happen to a machine.
const (
	// Start: the router may take part. Holding says that its addresses were found on
	// the host, put there by an earlier process; StandBy that an operator had it stand
	// by; Delay is how long it shall not preempt.
	Start EventKind = iota
	// Stop: hand over, then end. Where nobody takes over the addresses go.
	Stop
	// Abandon: as Stop, but where nobody takes over the addresses stay where they are.
	Abandon
	// Failover: hand over and stand by.
	Failover
	// Cancel: no longer stand by.
	Cancel
	// Heard: a valid advertisement arrived, Advert.
	Heard
	// Timer: the time that Next named has come. It may come late.
	Timer
	// Fail: the router can't take part, for the reason Cause. Dead says that nothing can be
	// sent: the addresses go at once.
	Fail
	// Recover: it can again.
	Recover
	// Reprioritise: the effective priority is now Priority, 1..255.
	Reprioritise
	// GroupMaster: all routers of the sync group are ready to be master.
	GroupMaster
	// GroupBackup: another router of the sync group is no longer master.
	GroupBackup
)

// String returns the event's name in transcripts.
func (k EventKind) String() string {
	return [...]string{
		"start", "stop", "abandon", "failover", "cancel", "heard", "timer", "fail", "recover", "reprioritise",
		"group-master", "group-backup",
	}[k]
}

// Event is one thing that happened to a machine. Fields that its kind doesn't name
// are zero.
type Event struct {
	Kind     EventKind
	Advert   Advert        // Heard
	Priority uint8         // Reprioritise
	Holding  bool          // Start
	StandBy  bool          // Start
	Delay    time.Duration // Start
	Dead     bool          // Fail
	Cause    string        // Fail, GroupBackup, and where it is known Stop, Abandon, Failover; a phrase such as "eth0 is down"
}

// Advert is what the machine must know of a valid advertisement of another router.
type Advert struct {
	Source   netip.Addr
	Priority uint8         // 0: its sender is no longer master
	Interval time.Duration // as sent; in version 2 equal to our own
}

// EffectKind is what a machine asks for.
type EffectKind uint8

// What a machine can ask for.
const (
	SendAdvert      EffectKind = iota // send one advertisement with Priority
	AddAddresses                      // put the addresses on the host
	RemoveAddresses                   // take them off, and see that they are gone
	Announce                          // one gratuitous ARP or unsolicited neighbour advertisement for each address
	Changed                           // the state went From, To, for the reason Cause
	FailedOver                        // the failover that was asked for is over: Done or not
	Wants                             // it would be master now, if the sync group is
	Ended                             // after Stop or Abandon: nothing more will come
)

// String returns the effect's name in transcripts.
func (k EffectKind) String() string {
	return [...]string{"send", "add", "remove", "announce", "changed", "failed-over", "wants", "ended"}[k]
}

// Effect is one thing that a machine asks for.
type Effect struct {
	Kind     EffectKind
	Priority uint8  // SendAdvert
	From, To State  // Changed
	Cause    string // Changed, Wants
	Done     bool   // FailedOver: another router has taken over
}
