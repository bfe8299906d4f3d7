package mastership

import (
	"encoding/json"
	"net/netip"
	"time"

	"github.com/mainstay-lvs/mainstay/vrrp"
)

// Order is a message of the daemon to the process. One field is set.
type Order struct {
	Setup    *Setup         `json:"setup,omitempty"`
	Penalise *Penalties     `json:"penalise,omitempty"`
	Failover *FailoverOrder `json:"failover,omitempty"`
	Ping     uint64         `json:"ping,omitempty"`
	Stop     bool           `json:"stop,omitempty"` // hand over, then end
}

// Penalties are what tracking takes off the routers' priorities, by router; one that is not
// named has none.
type Penalties struct {
	Routers map[string]int `json:"routers"`
}

// Setup is which routers there shall be; it replaces the one before.
type Setup struct {
	Routers []RouterSetup `json:"routers"`
	// HoldPreemption is how long routers that start now do not preempt.
	HoldPreemption time.Duration `json:"hold_preemption,omitempty"`
}

// RouterSetup is one router, and what the daemon remembers of it.
type RouterSetup struct {
	vrrp.Router
	// Foreign are addresses of the router that are on the host and were not put there
	// by Mainstay: they are never removed.
	Foreign []netip.Prefix `json:"foreign,omitempty"`
	StandBy bool           `json:"stand_by,omitempty"` // an operator had it stand by
	Penalty int            `json:"penalty,omitempty"`  // taken off the priority
}

// FailoverOrder has a router, and those of its sync group, hand over and stand by, or no longer
// stand by.
type FailoverOrder struct {
	ID     uint64 `json:"id"` // of the answer
	Router string `json:"router"`
	Cancel bool   `json:"cancel,omitempty"`
}

// Report is a message of the process to the daemon. One field is set.
type Report struct {
	Status     *Status         `json:"status,omitempty"`
	Transition *RouterChange   `json:"transition,omitempty"`
	Claimed    *Claim          `json:"claimed,omitempty"`
	Warning    *RouterWarning  `json:"warning,omitempty"`
	Failover   *FailoverAnswer `json:"failover,omitempty"`
	Pong       uint64          `json:"pong,omitempty"`
}

// RouterChange is one transition of one router.
type RouterChange struct {
	Router string `json:"router"`
	vrrp.Transition
}

// Claim says that addresses of a router which were somebody else's have left the host, and are ours
// from now on.
type Claim struct {
	Router    string         `json:"router"`
	Addresses []netip.Prefix `json:"addresses"`
}

// RouterWarning is what an operator should look at.
type RouterWarning struct {
	Router  string `json:"router"` // empty: the process itself
	Warning string `json:"warning"`
}

// FailoverAnswer says how a [FailoverOrder] ended.
type FailoverAnswer struct {
	ID    uint64 `json:"id"`
	Error string `json:"error,omitempty"` // empty: done
}

// Status is how the process and its routers stand.
type Status struct {
	PID           int             `json:"pid"`
	RealTime      bool            `json:"real_time"`
	RealTimeError string          `json:"real_time_error,omitempty"` // why not
	LatenessP999  time.Duration   `json:"lateness_p999"`
	LatenessWorst time.Duration   `json:"lateness_worst"`
	Routers       []vrrp.Snapshot `json:"routers"`
}

// maxMessage bounds one message: 255 routers with 255 addresses each are some 5 MB.
const maxMessage = 16 << 20

// encode returns a message as a line.
func encode(v any) ([]byte, error) {
	line, err := json.Marshal(v)
	return append(line, '\n'), err
}
