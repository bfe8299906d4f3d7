package vrrp

import (
	"fmt"
	"net/netip"
	"time"
)

// Snapshot is all that operators may want to know of a router at one moment. It shares
// no memory with the instance.
type Snapshot struct {
	Name      string  `json:"name"`
	Interface string  `json:"interface"`
	VRID      uint8   `json:"vrid"`
	Version   Version `json:"version"`

	State State     `json:"state"`
	Since time.Time `json:"since,omitzero"`  // of State; zero where it never changed
	Cause string    `json:"cause,omitempty"` // of State

	Priority   uint8 `json:"priority"`    // as configured
	Effective  uint8 `json:"effective"`   // what it counts with: less penalties, or standing by
	StandingBy bool  `json:"standing_by"` // an operator had it hand over
	Holding    bool  `json:"holding"`     // the addresses are on this host
	Wanting    bool  `json:"wanting"`     // it would be master, and waits for its sync group

	// PreemptsAt is until when a backup puts up with a lesser master, and PreemptsWhy why;
	// zero and "" where nothing makes it wait.
	PreemptsAt  time.Time `json:"preempts_at,omitzero"`
	PreemptsWhy string    `json:"preempts_why,omitempty"`

	Source netip.Addr `json:"source"` // our own address; "" where it is not known
	// Master is who is master and with what priority, ourselves included; "" and 0 where
	// nobody is known.
	Master         netip.Addr `json:"master"`
	MasterPriority uint8      `json:"master_priority"`

	Transitions uint64       `json:"transitions"` // since the instance was made
	Last        []Transition `json:"last"`        // at most 20 of them, the oldest first

	Sent       uint64               `json:"sent"`        // advertisements, each once however many peers there are
	Received   uint64               `json:"received"`    // those that were accepted
	Dropped    map[string]uint64    `json:"dropped"`     // those that were not, by verdict; none that are 0
	EdgeErrors map[string]EdgeError `json:"edge_errors"` // by what failed: send, add_addresses, remove_addresses, announce

	Warnings []Warning `json:"warnings"` // those in force
}

// EdgeError is what went wrong with one thing that was done to the host.
type EdgeError struct {
	Count uint64    `json:"count"`
	Last  string    `json:"last"`
	At    time.Time `json:"at"`
}

// Warning is something that an operator should mend.
type Warning struct {
	Kind     string    `json:"kind"` // a verdict, what failed, or two_masters, intervals or addresses
	Sentence string    `json:"sentence"`
	Seen     time.Time `json:"seen"` // last
}

// Snapshot returns what is known at a time.
func (i *Instance) Snapshot(now time.Time) Snapshot {
	s := Snapshot{
		Name:        i.router.Name,
		Interface:   i.router.Interface,
		VRID:        i.router.VRID,
		Version:     i.router.Version,
		State:       i.machine.State(),
		Priority:    i.router.Priority,
		Effective:   i.machine.Effective(),
		StandingBy:  i.machine.StandingBy(),
		Holding:     i.machine.Holding(),
		Wanting:     i.machine.Wanting(),
		Source:      i.Source(),
		Transitions: i.history.count,
		Last:        append([]Transition{}, i.history.last...),
		Sent:        i.counters.sent,
		Received:    i.counters.verdicts[Accepted],
		Dropped:     map[string]uint64{},
		EdgeErrors:  map[string]EdgeError{},
		Warnings:    i.warningsInForce(now),
	}
	s.Since, s.Cause = i.history.since()
	s.PreemptsAt, s.PreemptsWhy = i.machine.PreemptsAt()
	s.Master, s.MasterPriority = i.machine.Master()
	for v := Accepted + 1; v < verdictCount; v++ {
		if n := i.counters.verdicts[v]; n > 0 {
			s.Dropped[v.String()] = n
		}
	}
	for kind, trouble := range i.counters.edge {
		if trouble.count > 0 {
			s.EdgeErrors[edgeKind(kind).String()] = EdgeError{Count: trouble.count, Last: trouble.last.Error(), At: trouble.at}
		}
	}
	return s
}

// MarshalText writes the state as its name, so that JSON has it.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (s *State) UnmarshalText(text []byte) error {
	for state := Init; state <= Retiring; state++ {
		if state.String() == string(text) {
			*s = state
			return nil
		}
	}
	return fmt.Errorf("no such state of a virtual router: %q", text)
}
