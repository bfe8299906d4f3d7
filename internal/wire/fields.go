package wire

import (
	"bytes"
	"fmt"
)

// This file has what the lines of several protocols share: how they begin, and the fields that mean the same in each.

// MaxName is the longest service, instance, target or id in bytes. It makes sure that an answer with a mac fits a line
// whatever is in its names.
const MaxName = 128

// ValidName tells whether s can name a service, an instance, a target or a sender: 1..128 bytes of printable ASCII.
func ValidName(s string) bool { return checkName("name", s) == nil }

// parseVersioned reads a line of protocol, which is name with the version 1. The version is judged before the rest, which
// another version may write differently. The error wraps ErrTooLong, other where the line is of another protocol,
// ErrVersion or ErrMalformed.
func parseVersioned(line []byte, name, protocol string, other error) (Line, error) {
	if len(line) > maxContent {
		return Line{}, ErrTooLong
	}
	if !bytes.HasPrefix(line, []byte(name)) {
		return Line{}, fmt.Errorf("%w: it is %s", other, clip(line))
	}
	if first, _, _ := bytes.Cut(line, []byte(" ")); string(first) != protocol {
		return Line{}, fmt.Errorf("%w: the line begins with %s, wanted %s", ErrVersion, clip(first), protocol)
	}
	return ParseLine(line)
}

// stateOf returns the state that is the verb of a parsed line.
func stateOf(l Line) (State, error) {
	state := State(l.Verb)
	return state, checkState(state)
}

// checkState says what keeps state from being one.
func checkState(state State) error {
	if !state.Valid() {
		return malformed("the state is %s (up, starting, drain, maint or down wanted)", clip(state))
	}
	return nil
}

// nameOf returns the value of key as a name.
func nameOf(l Line, key string, wanted bool) (string, error) {
	value, given := l.Get(key)
	if !given && !wanted {
		return "", nil
	}
	if !given {
		return "", malformed("%s= is missing", key)
	}
	return value, checkName(key, value)
}

// checkName says what keeps value from being a name.
func checkName(key, value string) error {
	switch {
	case value == "":
		return malformed("the %s is empty", key)
	case len(value) > MaxName:
		return malformed("the %s is %d bytes long (at most %d)", key, len(value), MaxName)
	case firstUnprintable(value) >= 0:
		return malformed("the %s is %s, which is not printable ASCII", key, clip(value))
	}
	return nil
}

// numberOf returns the value of key as a number, which the line must have.
func numberOf(l Line, key string) (uint64, error) {
	n, err := l.Number(key)
	if err == nil && !n.Given {
		err = malformed("%s= is missing", key)
	}
	return n.Value, err
}

// numberField is a field of a line that may be left out, and where its value goes.
type numberField struct {
	key string
	to  *Optional
}

// readNumbers reads fields that may be left out.
func readNumbers(l Line, fields ...numberField) (err error) {
	for _, n := range fields {
		if *n.to, err = l.Number(n.key); err != nil {
			return err
		}
	}
	return nil
}

// checkWeight says what keeps weight from being a percentage.
func checkWeight(weight Optional) error {
	if weight.Value > 100 {
		return malformed("the weight is %d (0..100 percent wanted)", weight.Value)
	}
	return nil
}

// textOf is the String method of what can be appended.
func textOf(text []byte, err error) string {
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return string(text)
}
