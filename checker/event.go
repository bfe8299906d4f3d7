package checker

import "time"

// Answer is what one run of a check learned, for the count towards a verdict.
type Answer uint8

// What one run can learn.
const (
	// Inconclusive: the run failed for a reason of the director's own (no file
	// descriptor, no local port, no permission, its own lateness). It is said,
	// and never held against a server.
	Inconclusive Answer = iota
	// Success: the service works. It counts towards rise.
	Success
	// Failure: something went wrong on the way. It counts towards fall.
	Failure
	// Refusal: the service itself said, in a well-formed and rightly signed
	// answer, that it does not work (down, starting): a failure at once.
	Refusal
)

// Mode is what a working server asks for itself in its answer.
type Mode uint8

// The modes. A check that is not a monitor's, heartbeat's or agent's always reports
// Serving.
const (
	Serving     Mode = iota // traffic, please
	Draining                // no new connections: weight 0 at once
	Maintenance             // no traffic at all: out at once
)

// Result is the outcome of one run of a check.
type Result struct {
	Answer Answer
	Mode   Mode // of a Success; otherwise Serving
	// Starting marks a Refusal of a program that says it is not ready yet,
	// rather than that it is down.
	Starting bool
	// Percent is the share of its weight that the server asks for, 0..100; 100
	// unless a monitor, heartbeat or agent said otherwise.
	Percent int
	// Weight is the absolute weight that a Success asks for instead of the
	// configured one, 0..65535.
	Weight Optional
	// MaxConnections is how many connections a Success asks for at most; 0 is any
	// number.
	MaxConnections Optional
	// Instance names the start of the program that a monitor's or heartbeat's answer
	// came from; empty where there was none.
	Instance string
	// Reason is a phrase that an operator understands: "connection refused",
	// "answered 503, want 200-299", "monitor says down: disk full". Empty for a
	// plain success.
	Reason  string
	Latency time.Duration // from the start of the run to its end
	// Silence is, of a timeout, for how long the server has certainly not said what it
	// should have, when it was its turn: the connection was looked at once more after
	// the deadline. 0 where that is not known.
	Silence time.Duration
	Sent    []byte // what was sent, for `mainstay probe`; at most 4 KiB, nil unless asked for
	Read    []byte // what was read, likewise
}

// Optional is a number that may not be given. Optionals are comparable with ==.
type Optional struct {
	Value int // 0 where it is not given
	Given bool
}

// Some returns an Optional that is given.
func Some(value int) Optional { return Optional{Value: value, Given: true} }

// Verdict is what the results of one check add up to.
type Verdict uint8

// The verdicts.
const (
	Unknown Verdict = iota // no verdict yet
	Up
	Down
)

// Event is one result of one check, and what the check's results now add up to.
type Event struct {
	Key     Key
	At      time.Time // when the run ended
	Result  Result
	Verdict Verdict
	// Mode, Starting, Percent, Weight, MaxConnections and Reason belong to the verdict: those of the
	// result that last settled it. They differ from Result's while failures or
	// successes are still adding up, and after an inconclusive run.
	Mode     Mode
	Starting bool
	Percent  int
	Weight   Optional
	// MaxConnections, as Weight, is not given by most kinds.
	MaxConnections Optional

	Reason  string
	Streak  int  // results in a row of the same sort: successes, or failures and refusals
	Changed bool // the verdict or what belongs to it differs from the event before
}
