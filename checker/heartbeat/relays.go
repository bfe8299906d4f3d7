package heartbeat

import (
	"errors"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// triesPerSecond bounds how many keys are tried, a second, on the datagrams of relays whose key is not known yet, so
// that forged ones cost no more than that however many secrets there are.
const triesPerSecond = 4096

// relays are the relays known, those that sign apart from those that don't, so that nobody without a key has a say
// about one that has.
type relays struct {
	signing, open map[string]*relay
	tries         float64       // that are left
	at            time.Duration // when that was worked out
}

func newRelays() relays {
	return relays{signing: make(map[string]*relay), open: make(map[string]*relay), tries: triesPerSecond}
}

func (rs *relays) sort(signed bool) map[string]*relay {
	if signed {
		return rs.signing
	}
	return rs.open
}

func (rs *relays) of(id string, signed bool) *relay { return rs.sort(signed)[id] }

// add enters a relay, in the place of one long silent if there are too many. It tells whether it did.
func (rs *relays) add(now time.Duration, r *relay) bool {
	known := rs.sort(r.signed)
	if len(known) >= MaxRelays {
		var oldest *relay
		for _, k := range known {
			if oldest == nil || k.last < oldest.last || k.last == oldest.last && k.id < oldest.id {
				oldest = k
			}
		}
		if now-oldest.last < forgotten {
			return false
		}
		delete(known, oldest.id)
	}
	known[r.id] = r
	return true
}

// forget has the keys looked for anew that come from a secret that no check uses any more.
func (rs *relays) forget(secret string) {
	for _, r := range rs.signing {
		if r.secret == secret {
			r.secret, r.key = "", nil
		}
	}
}

// try takes one of the tries that there are at a time; it is false where none is left.
func (rs *relays) try(now time.Duration) bool {
	rs.tries = min(triesPerSecond, rs.tries+(now-rs.at).Seconds()*triesPerSecond)
	rs.at = now
	if rs.tries < 1 {
		return false
	}
	rs.tries--
	return true
}

// verifyRelay judges the mac of a relay's datagram: first by the key that its last one had, then by those of all
// secrets.
func (l *Ledger) verifyRelay(now time.Duration, r *relay, datagram []byte) Verdict {
	if r.key != nil && wire.VerifyRelay(datagram, r.key) == nil {
		return Accepted
	}
	for _, s := range l.secrets {
		if s.value == r.secret {
			continue
		}
		if !l.relays.try(now) {
			return RelayNotTried
		}
		key := wire.DeriveKey([]byte(s.value), r.id)
		switch err := wire.VerifyRelay(datagram, key); {
		case err == nil:
			r.secret, r.key = s.value, key
			return Accepted
		case errors.Is(err, wire.ErrNoMAC): // the parser found a mac that the verifier does not
			return RelayNoMAC
		}
	}
	return RelayBadMAC
}
