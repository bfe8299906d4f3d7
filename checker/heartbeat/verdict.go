package heartbeat

import (
	"errors"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// Verdict is what became of a datagram, or of one line in a relay's datagram.
type Verdict uint8

// The verdicts. All but Accepted and Held are reasons to drop it; each is counted by its name.
const (
	// Accepted counts: a line above the mark, or a relay's datagram, whose lines have verdicts of their own.
	Accepted Verdict = iota
	// Held waits for a poll to confirm its instance.
	Held
	// Repeat has the seq of the mark: a second copy, as each further relay brings one.
	Repeat

	// TooLong is a datagram or line longer than HEARTBEAT/1 allows.
	TooLong
	// Malformed breaks the grammar.
	Malformed
	// NotHeartbeat begins as nothing that belongs here.
	NotHeartbeat
	// WrongVersion is of another version than 1.
	WrongVersion
	// UnknownID is of an id that no check waits for.
	UnknownID
	// WrongService is of an id that checks wait for, and of another service.
	WrongService
	// AgeFromChild came from the sender itself and yet has an age, which only relays give.
	AgeFromChild
	// NoAge came in a relay's datagram and has no age.
	NoAge
	// TooOld has an age over MaxAge, or claims to be older than the line before it.
	TooOld
	// NoMAC is not signed, and should be.
	NoMAC
	// BadMAC is signed with none of the right keys.
	BadMAC
	// ChildBadMAC came in a relay's datagram, not signed or with none of the right keys.
	ChildBadMAC
	// OldSeq has a seq below the mark's.
	OldSeq
	// OldInstance is of a program that started before the one last heard: its clock went back, or two programs claim
	// the id, or it is a replay.
	OldInstance
	// NotConfirmed was held, and a poll said that another instance runs.
	NotConfirmed

	// RelayNoMAC is a relay's datagram that is not signed, and should be.
	RelayNoMAC
	// RelayBadMAC is a relay's datagram signed with none of the right keys.
	RelayBadMAC
	// RelayNotTried is a relay's datagram under no key that was tried; not all were, for there were too many such.
	RelayNotTried
	// RelayOldInstance is a relay's datagram from before the relay's start last heard.
	RelayOldInstance
	// RelayOldRound is of a round before the last two, or a part that came already.
	RelayOldRound
	// RelayBadPart does not fit the other parts of its round, or has more children than MaxChildren.
	RelayBadPart
	// TooManyRelays is a relay's datagram over MaxRelays.
	TooManyRelays
	// UnsignedRelay is the signed line of a child in the datagram of a relay that does not sign.
	UnsignedRelay

	verdicts
)

// verdictNames are the names, in the order of the constants.
var verdictNames = [verdicts]string{
	"accepted", "held", "repeat",
	"too-long", "malformed", "not-heartbeat", "version", "unknown-id", "wrong-service", "age-from-child", "no-age", "too-old",
	"no-mac", "bad-mac", "child-bad-mac", "old-seq", "old-instance", "not-confirmed",
	"relay-no-mac", "relay-bad-mac", "relay-not-tried", "relay-old-instance", "relay-old-round", "relay-bad-part",
	"too-many-relays", "unsigned-relay",
}

// String returns the verdict's name, as status and metrics show it.
func (v Verdict) String() string {
	if v >= verdicts {
		return "?"
	}
	return verdictNames[v]
}

// Dropped tells whether it is a reason to drop what came. A Repeat is none: copies are what relays are for.
func (v Verdict) Dropped() bool { return v > Repeat }

// verdictOn turns what a parser or verifier of wire says into a verdict.
func verdictOn(err error) Verdict {
	for _, c := range []struct {
		cause   error
		verdict Verdict
	}{
		{wire.ErrTooLong, TooLong},
		{wire.ErrNotHeartbeat, NotHeartbeat},
		{wire.ErrVersion, WrongVersion},
		{wire.ErrNoMAC, NoMAC},
		{wire.ErrBadMAC, BadMAC},
	} {
		if errors.Is(err, c.cause) {
			return c.verdict
		}
	}
	return Malformed
}
