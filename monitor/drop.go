package monitor

import (
	"errors"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// drop is why a relay does not keep a datagram.
type drop int

const (
	kept          drop = iota
	dropTooLong        // the datagram or its line is longer than allowed
	dropMalformed      // it breaks the grammar, or has more than one line
	dropForeign        // it is no heartbeat
	dropVersion        // it is one of another version
	dropRelay          // it is a relay's: relays don't gather from relays
	dropAged           // it has an age, so it has been through a relay
	dropUnfit          // with an age to it, it would not fit a datagram of the relay
	dropOld            // it is a line that is kept already, or one from before that
	dropSources        // as many addresses as allowed send for its id and service already
	dropFull           // as many lines as allowed are kept already
	drops              // how many reasons there are
)

// dropNames are the reasons as RelayStats has them.
var dropNames = [drops]string{
	dropTooLong: "too-long", dropMalformed: "malformed", dropForeign: "not-heartbeat", dropVersion: "version",
	dropRelay: "from-relay", dropAged: "aged", dropUnfit: "unfit", dropOld: "old", dropSources: "too-many-sources",
	dropFull: "full",
}

// dropOf is the reason for which a line was not parsed.
func dropOf(err error) drop {
	switch {
	case errors.Is(err, wire.ErrTooLong):
		return dropTooLong
	case errors.Is(err, wire.ErrNotHeartbeat):
		return dropForeign
	case errors.Is(err, wire.ErrVersion):
		return dropVersion
	}
	return dropMalformed
}
