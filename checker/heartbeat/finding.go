package heartbeat

import "github.com/mainstay-lvs/mainstay/internal/wire"

// Handle names a check in a Ledger.
type Handle int

// Finding is something that the ledger found out about a check, or wants of it.
type Finding struct {
	Check Handle
	Kind  Kind
	// Line is the heartbeat, of Said.
	Line wire.Heartbeat
	// Reason is a phrase for the operator. Of Said it is empty unless there is something to know besides.
	Reason string
}

// Kind is a kind of Finding.
type Kind uint8

// The kinds of Finding.
const (
	// Said is what the server says of itself, for the first time.
	Said Kind = iota
	// Silent is a server that is down because it said nothing.
	Silent
	// Unsure is a server of which nothing is known; it is told when that begins.
	Unsure
	// Ask wants the check polled now, and the outcome told by Polled.
	Ask
)

// String returns the kind in one word.
func (k Kind) String() string { return [...]string{"said", "silent", "unsure", "ask"}[k] }
