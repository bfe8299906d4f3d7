package wire

import (
	"errors"
	"fmt"
)

// The reasons why something read from the network is refused. Every error of this package's parsers and verifiers wraps
// exactly one of them, except errors of the stream itself.
var (
	// ErrTooLong says that a line, its end included, is longer than MaxLine, or a datagram longer than MaxDatagram.
	ErrTooLong = fmt.Errorf("line longer than %d bytes", MaxLine)
	// ErrMalformed says that a line breaks the grammar, lacks a field that it must have, or has one out of range.
	ErrMalformed = errors.New("malformed line")
	// ErrNotMonitor says that a line does not begin with MONITOR/: the other side speaks something else.
	ErrNotMonitor = errors.New("not a MONITOR line")
	// ErrNotHeartbeat says that a datagram's line begins neither with HEARTBEAT/ nor, as its first, with RELAY/.
	ErrNotHeartbeat = errors.New("not a heartbeat")
	// ErrVersion says that the other side speaks the protocol in a version other than 1.
	ErrVersion = errors.New("wrong version")
	// ErrWrongService says that an answer is about a service that was not asked for.
	ErrWrongService = errors.New("answer for another service")
	// ErrNoMAC says that an answer, a heartbeat or a relay's datagram carries no mac although a secret is set.
	ErrNoMAC = errors.New("no mac")
	// ErrBadMAC says that the mac of an answer, a heartbeat or a relay's datagram fits none of the secrets.
	ErrBadMAC = errors.New("bad mac")
	// errDatagramTooLong is ErrTooLong in the words for a datagram.
	errDatagramTooLong error = &worded{fmt.Sprintf("datagram longer than %d bytes", MaxDatagram), ErrTooLong}
)

// RefusalError is a program's answer MONITOR/1 error: it heard the request and gives no state.
type RefusalError struct {
	// Reason is what the program said, possibly empty. It comes from the network unauthenticated.
	Reason string
}

// Error says in one sentence what the program said.
func (e *RefusalError) Error() string {
	if e.Reason == "" {
		return "the program refused the request and gave no reason"
	}
	return "the program refused the request: " + e.Reason
}

// worded is a sentinel in other words.
type worded struct {
	text     string
	sentinel error
}

func (e *worded) Error() string { return e.text }

func (e *worded) Unwrap() error { return e.sentinel }

// malformed makes an error that wraps ErrMalformed.
func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// clip quotes what the other side sent for an error message, at most 40 bytes of it.
func clip[T ~string | ~[]byte](s T) string {
	const most = 40
	if len(s) > most {
		return fmt.Sprintf("%q…", string(s[:most]))
	}
	return fmt.Sprintf("%q", string(s))
}
