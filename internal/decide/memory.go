package decide

import (
	"net/netip"
	"slices"
	"time"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

// Memory is what one decision hands to the next about each service, by the
// string of its key: only what can't be worked out afresh from the inputs. It is
// a plain value and survives a round trip through JSON.
type Memory map[string]ServiceMemory

// ServiceMemory is what is remembered of one service. The zero value is that of a
// service never decided about.
type ServiceMemory struct {
	Seen     bool           `json:"seen,omitempty"`      // decided about since the daemon started
	Judged   bool           `json:"judged,omitempty"`    // quorum was judged
	Met      bool           `json:"met,omitempty"`       // quorum is met; before it was judged: was met, as the kernel tells
	Sorry    bool           `json:"sorry,omitempty"`     // the sorry server serves
	FailOpen bool           `json:"fail_open,omitempty"` // failed servers are served
	Servers  []ServerMemory `json:"servers,omitempty"`   // in the order of their addresses
}

// ServerMemory is what is remembered of one server of one service.
type ServerMemory struct {
	Address netip.AddrPort `json:"address"`

	Verdict  Verdict `json:"verdict,omitempty"`  // the last one, kept while a check has none
	Starting bool    `json:"starting,omitempty"` // of a Down verdict
	Percent  int     `json:"percent,omitempty"`  // of an Up verdict
	// Weight and MaxConnections are, of an Up verdict, what checks asked for.
	Weight         Optional `json:"weight,omitzero"`
	MaxConnections Optional `json:"max_connections,omitzero"`
	// Maint is the check whose answer asked for no traffic, and MaintReason what it said.
	Maint       string `json:"maint,omitempty"`
	MaintReason string `json:"maint_reason,omitempty"`

	Failed    bool        `json:"failed,omitempty"`   // it failed and has not served since: its return is a recovery
	Recovered time.Time   `json:"recovered,omitzero"` // when its slow start began; zero when it has none or it is over
	Listed    bool        `json:"listed,omitempty"`   // it is in the table
	Entry     ipvs.Server `json:"entry,omitzero"`     // as it is there
	Found     ipvs.Server `json:"found,omitzero"`     // as it stays until its first verdict; zero: it had one, or was not there
	Leaving   bool        `json:"leaving,omitempty"`  // it is not in the file
	Drain     Drain       `json:"drain,omitzero"`
	Applied   Applied     `json:"applied,omitzero"`
}

// Drain is the course of a drain. The zero value is none.
type Drain struct {
	Since time.Time `json:"since"`           // its start, from which drain_timeout counts
	Check string    `json:"check,omitempty"` // the check whose answer asked for it; empty: none did
	Zero  time.Time `json:"zero,omitzero"`   // since when this daemon wants it at weight 0
	Over  string    `json:"over,omitempty"`  // why the server is out; empty while it drains
}

// Applied is what of a server's checks is in force for a server of sh, mh or dh. The
// zero value is nothing.
type Applied struct {
	Valid   bool      `json:"valid,omitempty"`
	Percent int       `json:"percent,omitempty"`
	Weight  Optional  `json:"weight,omitzero"`
	Changed time.Time `json:"changed,omitzero"` // the last change; zero: none since the server entered
}

// Kept returns the part of a memory that is saved over restarts: when drains
// began, and which checks asked for them.
func (m Memory) Kept() Memory {
	kept := Memory{}
	for key, service := range m {
		if s := service.Kept(); len(s.Servers) > 0 {
			kept[key] = s
		}
	}
	return kept
}

// Kept returns the part of a service's memory that is saved over restarts, as
// [Memory.Kept] does; without drains it is the zero value.
func (m ServiceMemory) Kept() ServiceMemory {
	var kept ServiceMemory
	for _, s := range m.Servers {
		if !s.Drain.Since.IsZero() {
			kept.Servers = append(kept.Servers, ServerMemory{
				Address: s.Address,
				Drain:   Drain{Since: s.Drain.Since, Check: s.Drain.Check},
			})
		}
	}
	return kept
}

// find returns the place of a server among the remembered ones.
func (m ServiceMemory) find(address netip.AddrPort) (int, bool) {
	return slices.BinarySearchFunc(m.Servers, address, func(s ServerMemory, a netip.AddrPort) int {
		return s.Address.Compare(a)
	})
}

// sort puts the servers in the order of their addresses.
func (m *ServiceMemory) sort() {
	slices.SortFunc(m.Servers, func(a, b ServerMemory) int { return a.Address.Compare(b.Address) })
}

// remember is what the next decision must know of this one.
func (d *decider) remember(candidates []candidate, met bool) ServiceMemory {
	m := ServiceMemory{
		Seen:     true,
		Judged:   d.judged,
		Met:      met,
		Sorry:    d.sorry,
		FailOpen: d.failOpen,
		Servers:  make([]ServerMemory, 0, len(candidates)),
	}
	for i := range candidates {
		if c := &candidates[i]; c.listed || !c.leaving {
			m.Servers = append(m.Servers, c.remember())
		}
	}
	m.sort()
	return m
}

// remember is what the next decision must know of a server.
func (c *candidate) remember() ServerMemory {
	m := ServerMemory{
		Address:   c.address,
		Verdict:   c.health.verdict,
		Failed:    c.was.Failed && c.state != StateUp,
		Recovered: c.recovered,
		Listed:    c.listed,
		Entry:     c.entry,
		Leaving:   c.leaving,
		Drain:     c.drain,
		Applied:   c.applied,
	}
	if by := c.health.maint; by != nil {
		m.Maint, m.MaintReason = by.Name, by.Reason
	}
	switch c.health.verdict {
	case Unknown:
		if c.listed {
			m.Found = c.was.Found
		}
	case Up:
		m.Percent = c.health.percent
		m.Weight, m.MaxConnections = c.health.weight.Optional, c.health.most.Optional
	case Down:
		m.Starting = c.health.starting
		m.Failed = !c.listed || c.entry.Weight == 0
	}
	return m
}
