package decide

import (
	"net/netip"
	"time"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

// Inputs are all that is known at the moment of a decision.
type Inputs struct {
	// Services by key. A service of the file that is missing here has no
	// verdicts; one that is not in the file is ignored.
	Services map[ipvs.Key]ServiceInputs
	// Memory is that of the decision before, or what was kept over a restart.
	Memory Memory
}

// ServiceInputs are what is known of one virtual service.
type ServiceInputs struct {
	// Settled says that the first verdicts are over: every check of the service
	// has given one result, or 10 s have passed since the daemon started or since
	// a reload added the service. While it is false neither quorum nor sorry
	// server nor fail open is judged.
	Settled bool
	// Adopted is the service as the kernel held it when it was first decided
	// about, nil when the kernel had none. It is looked at in the first decision
	// only, where the service's memory is empty or only what [Memory.Kept] keeps.
	Adopted *ipvs.Service
	// Servers by address. One of the file that is missing here has no verdicts;
	// one that is neither in the file nor still draining is ignored.
	Servers map[netip.AddrPort]ServerInputs
}

// ServerInputs are what is known of one real server of one virtual service.
type ServerInputs struct {
	// Checks are found by the names that the service's configuration gives; of
	// equal names the first here belongs to the first there. A check that is
	// missing has no verdict; one that the configuration does not name is ignored.
	Checks      []Check
	Override    Override
	Connections Connections // looked at while the server drains
}

// Verdict is what the results of one check add up to.
type Verdict uint8

// The verdicts.
const (
	Unknown Verdict = iota // no verdict yet
	Up
	Down
)

// Mode is what a working server asks for itself.
type Mode uint8

// The modes.
const (
	Serving     Mode = iota // traffic, please
	Draining                // no new connections: weight 0 at once
	Maintenance             // no traffic at all: out at once
)

// Check is what one check says of a server.
type Check struct {
	Name     string
	Verdict  Verdict
	Mode     Mode // of an Up verdict
	Starting bool // of a Down verdict: the program says that it is not ready yet
	Percent  int  // of an Up verdict: the share of its weight that the server asks for, 0..100
	// Weight is, of an Up verdict, the absolute weight that the server asks for in
	// place of the configured one, 0..65535.
	Weight Optional
	// MaxConnections is, of an Up verdict, how many connections the server takes, in
	// place of the configured upper threshold: 0..2147483647, 0 is any number.
	MaxConnections Optional

	Reason string // a phrase such as "connection refused"; may be empty
	Streak int    // results in a row of the same sort; 0: not known
}

// Optional is a number that may not be given. Optionals are comparable with ==.
type Optional struct {
	Value int  `json:"value"` // 0 where it is not given
	Given bool `json:"given"`
}

// Some returns an Optional that is given.
func Some(value int) Optional { return Optional{Value: value, Given: true} }

// least returns the smaller of two numbers, of those that are given.
func (o Optional) least(other Optional) Optional {
	if !o.Given || other.Given && other.Value < o.Value {
		return other
	}
	return o
}

// Override is what an operator told a server to do. The zero value is nothing.
type Override struct {
	Drain  bool      // weight 0, then out
	Maint  bool      // out at once; it goes before Drain
	Weight *int      // 0..65535 instead of the configured weight; nil: the configured one
	Since  time.Time // when Drain or Maint was said; zero: not known
}

// Connections are what the kernel counts of a server at one moment. The zero
// value says that nothing is known.
type Connections struct {
	At         time.Time // when they were read; zero: never
	Active     uint32    // established connections
	Inactive   uint32    // all other connections
	Persistent uint32    // clients bound to the server by persistence
}
