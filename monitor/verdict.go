package monitor

import (
	"fmt"
	"strings"
)

// statement is a state with its reason.
type statement struct {
	state  State
	reason string
}

// judge makes the one answer out of what the program said and what the evidence shows. Leaving is maint whatever else
// is so. What the program says other than up stands, because it is said on purpose; an up needs that nothing failed and
// that every self-check has answered once.
func judge(leaving bool, said statement, failed, pending []string) statement {
	if leaving {
		return statement{Maint, "the program is stopping"}
	}
	if _, known := onWire[said.state]; !known {
		return statement{Down, fmt.Sprintf("the program set the unknown state %d", int(said.state))}
	}
	switch {
	case said.state != Up:
		return said
	case len(failed) > 0:
		return statement{Down, strings.Join(failed, "; ")}
	case len(pending) > 0:
		return statement{Starting, "no result yet of self-check " + strings.Join(pending, ", ")}
	}
	return said
}

// badness orders states by how little a client should get of them.
var badness = map[State]int{Up: 0, Drain: 1, Maint: 2, Starting: 3, Down: 4}

// worse tells whether a is the worse state to be in: an agent line that speaks for several services takes the worst.
func worse(a, b State) bool { return badness[a] > badness[b] }
