package config

import (
	"github.com/mainstay-lvs/mainstay/checker"
	"github.com/mainstay-lvs/mainstay/ipvs"
	"github.com/mainstay-lvs/mainstay/vrrp"
)

// VirtualRouter is a virtual router, and what it follows and leads on this host.
type VirtualRouter struct {
	// Router is complete: defaults are filled in, and AuthPass was read from its file.
	vrrp.Router
	// Services and Commands lower the router's priority while they are down, each by
	// its penalty. An owner of the addresses has none.
	Services []TrackedService
	Commands []TrackedCommand
	// ConnectionSync has the kernel's sync daemon follow the router; nil: it does not.
	// One router of a file has it, at most.
	ConnectionSync *ConnectionSync
}

// TrackedService is a virtual service of the file whose quorum counts for a router.
type TrackedService struct {
	Name    string
	Key     ipvs.Key
	Penalty int // 1..254, taken off the priority while the quorum is lost
}

// TrackedCommand is a command whose verdict counts for a router. Two routers with the
// same command and timing have the same Spec.
type TrackedCommand struct {
	Name    string       // the program and its arguments, on one line and shortened, for status
	Spec    checker.Spec // of the kind command
	Penalty int          // 1..254, taken off the priority while the command is down
}

// ConnectionSync says how the kernel's sync daemon tells the other directors of the
// open connections.
type ConnectionSync struct {
	Interface string // where it sends and listens
	ID        uint8  // 0..255; directors with the same ID listen to each other
}
