package decide

import (
	"net/netip"
	"time"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

// Decision is the answer about all services.
type Decision struct {
	Table    ipvs.Table      // the wanted one, sorted
	Services []ServiceReport // in the order of the services asked about
	Memory   Memory          // for the next decision
	Next     time.Time       // ask again then, or on any change; zero: only on a change
}

// ServiceDecision is the answer about one service.
type ServiceDecision struct {
	Wanted ipvs.Service // its servers sorted by address
	Report ServiceReport
	Memory ServiceMemory // for the next decision
	Next   time.Time     // ask again then, or on any change; zero: only on a change
}

// ServiceReport says how a service stands.
type ServiceReport struct {
	Name     string
	Key      ipvs.Key
	Quorum   QuorumReport
	Sorry    bool // the sorry server serves
	FailOpen bool // failed servers are served all the same
	// Servers are those of the file in its order, then those that are no longer
	// in it and still drain, by address.
	Servers []ServerReport
}

// QuorumReport says how a service's quorum stands; it is the true one also while
// fail open serves failed servers.
type QuorumReport struct {
	Judged bool // false before the first verdicts: then Met is only how it was found
	Met    bool
	Weight int // the sum of W x percent of the servers that are up
	Needed int // the configured quorum
}

// ServerReport says how a server stands.
type ServerReport struct {
	Address    netip.AddrPort
	State      State
	Configured int    // weight in the file; 0 for a server that is no longer in it
	Effective  int    // weight in the wanted table, 0 when it is not there
	InTable    bool   // the wanted table has its address
	Leaving    bool   // no longer in the file, and draining
	Why        string // a sentence for operators, beginning with the state
}

// State is the one word for how a server stands.
type State string

// The states.
const (
	StateStarting State = "starting" // no verdict yet, or its program says that it is not ready yet
	StateUp       State = "up"
	StateDown     State = "down"
	StateDrain    State = "drain"
	StateMaint    State = "maint"
)
