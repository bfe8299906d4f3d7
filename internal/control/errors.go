package control

import (
	"errors"
	"strings"
)

var (
	// ErrNotFound means that there is no service, server or virtual router of
	// that name.
	ErrNotFound = errors.New("not found")
	// ErrNoDaemon means that nobody listens on the control socket.
	ErrNoDaemon = errors.New("no daemon there")
)

// Refused is a configuration file that was not taken: each line names a place and
// a mistake.
type Refused struct{ Lines []string }

// Error returns all lines.
func (r *Refused) Error() string { return strings.Join(r.Lines, "\n") }
