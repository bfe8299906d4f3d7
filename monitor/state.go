package monitor

import (
	"fmt"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// State is what the program says about a service.
type State int

const (
	// Up says that the service works; the director gives it its weight.
	Up State = iota + 1
	// Starting says that the service is not ready yet; the director counts a failure at once.
	Starting
	// Drain says that the service finishes what it has; the director gives it weight 0, so that it gets nothing new.
	Drain
	// Maint says that the service is out on purpose; the director takes it out at once.
	Maint
	// Down says that the service doesn't work; the director counts a failure at once.
	Down
)

// onWire are the states' names, the same in MONITOR/1, in configuration and in logs.
var onWire = map[State]wire.State{
	Up: wire.Up, Starting: wire.Starting, Drain: wire.Drain, Maint: wire.Maint, Down: wire.Down,
}

// String returns the state's name: up, starting, drain, maint or down.
func (s State) String() string {
	if name, ok := onWire[s]; ok {
		return string(name)
	}
	return fmt.Sprintf("State(%d)", int(s))
}

// ParseState returns the state of that name. The error lists the names there are.
func ParseState(name string) (State, error) {
	for s, n := range onWire {
		if string(n) == name {
			return s, nil
		}
	}
	return 0, fmt.Errorf("unknown state %q (up, starting, drain, maint or down wanted)", name)
}
