package heartbeat

import (
	"net/netip"
	"strings"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

const (
	// MaxRelays is how many relays that sign are known at most, and as many that don't.
	MaxRelays = 256
	// MaxChildren is how many children's lines, and parts, a relay's round has at most.
	MaxChildren = 16384
	// forgotten is for how long a relay must have been silent to make room for another.
	forgotten = 5 * time.Minute
)

// relay is one relay, known by its id and whether it signs.
type relay struct {
	id     string
	signed bool
	secret string // the one that its key is derived from; empty: not known
	key    []byte

	heard    bool // by this ledger; otherwise it is restored
	from     netip.AddrPort
	instance uint64
	floor    uint64 // the rounds of the instance up to this one are over
	interval time.Duration
	last     time.Duration // when a datagram of it was last accepted
	stalled  time.Duration // Ledger.stalled at that time
	since    time.Duration // since when it has been there without a break

	rounds     [2]round // the newest, and the one before
	complete   uint64   // rounds of which all came
	completeAt time.Duration
}

// roundID names a round of one relay.
type roundID struct{ instance, seq uint64 }

func (a roundID) before(b roundID) bool {
	return a.instance < b.instance || a.instance == b.instance && a.seq < b.seq
}

// round is what came of one round.
type round struct {
	seq      uint64
	interval time.Duration
	parts    int // 0: there is no such round
	children int
	got      []uint64 // a bit for each part
	came     int      // parts
	lines    int
}

func newRound(d wire.Relay) round {
	return round{seq: d.Seq, interval: d.Interval, parts: d.Parts, children: d.Children, got: make([]uint64, (d.Parts+63)/64)}
}

func (r *round) has(part int) bool { return r.got[(part-1)/64]&(1<<((part-1)%64)) != 0 }

func (r *round) complete() bool { return r.came == r.parts && r.lines == r.children }

// receiveRelay judges a relay's datagram as far as can be before its mac, then that, and then its lines.
func (l *Ledger) receiveRelay(now time.Duration, from netip.AddrPort, datagram []byte) Verdict {
	via := arrival{from: from, now: now}
	d, lines, err := wire.ParseRelay(datagram)
	if err != nil {
		return l.count(verdictOn(err), &via)
	}
	via.id = d.ID
	signed := d.MAC != "" && len(l.secrets) > 0
	if !signed && l.open == 0 {
		return l.count(RelayNoMAC, &via)
	}
	r := l.relays.of(d.ID, signed)
	if r != nil {
		if v := r.judge(d, len(lines)); v != Accepted {
			return l.count(v, &via)
		}
	} else if d.Children > MaxChildren || d.Parts > MaxChildren {
		return l.count(RelayBadPart, &via)
	}
	if signed {
		known := r
		if known == nil {
			known = &relay{id: strings.Clone(d.ID), signed: true}
		}
		if v := l.verifyRelay(now, known, datagram); v != Accepted {
			return l.count(v, &via)
		}
		if r == nil && !l.relays.add(now, known) {
			return l.count(TooManyRelays, &via)
		}
		r = known
	} else if r == nil {
		r = &relay{id: strings.Clone(d.ID)}
		if !l.relays.add(now, r) {
			return l.count(TooManyRelays, &via)
		}
	}
	via.complete = r.complete + 1
	if l.enter(now, from, r, d, len(lines)) {
		via.complete = r.complete
	}
	l.count(Accepted, &via)
	l.relayed++
	via.relay, via.round = r, roundID{d.Instance, d.Seq}
	for _, line := range lines {
		l.receiveLine(now, line, via)
	}
	return Accepted
}

// judge tells whether a datagram can be part of the relay's rounds.
func (r *relay) judge(d wire.Relay, lines int) Verdict {
	switch {
	case d.Children > MaxChildren || d.Parts > MaxChildren:
		return RelayBadPart
	case d.Instance < r.instance:
		return RelayOldInstance
	case d.Instance > r.instance:
		return Accepted
	case d.Seq <= r.floor:
		return RelayOldRound
	}
	top := r.rounds[0]
	if top.parts > 0 && d.Seq+1 < top.seq {
		return RelayOldRound
	}
	for i := range r.rounds {
		k := &r.rounds[i]
		if k.parts == 0 || k.seq != d.Seq {
			continue
		}
		switch {
		case d.Parts != k.parts || d.Children != k.children || d.Interval != k.interval || k.lines+lines > k.children:
			return RelayBadPart
		case k.has(d.Part):
			return RelayOldRound
		case k.came+1 == k.parts && k.lines+lines != k.children:
			return RelayBadPart
		}
	}
	return Accepted
}

// enter notes a datagram that judge let pass, and tells whether its round is complete with it.
func (l *Ledger) enter(now time.Duration, from netip.AddrPort, r *relay, d wire.Relay, lines int) bool {
	if !l.live(now, r) || d.Instance != r.instance {
		r.since = now
	}
	if d.Instance != r.instance {
		r.instance, r.floor, r.rounds = d.Instance, 0, [2]round{}
	}
	r.heard, r.from, r.last, r.stalled = true, from, now, l.stalled
	k := r.round(d)
	if k == &r.rounds[0] {
		r.interval = d.Interval
	}
	k.got[(d.Part-1)/64] |= 1 << ((d.Part - 1) % 64)
	k.came++
	k.lines += lines
	if !k.complete() {
		return false
	}
	r.complete++
	r.completeAt = now
	return true
}

// round returns the round of a datagram, which may be a new one.
func (r *relay) round(d wire.Relay) *round {
	top := &r.rounds[0]
	switch {
	case top.parts > 0 && top.seq == d.Seq:
		return top
	case top.parts == 0 || d.Seq > top.seq:
		if top.parts > 0 && top.seq+1 == d.Seq {
			r.rounds[1] = *top
		} else {
			r.rounds[1] = round{}
		}
		*top = newRound(d)
		return top
	}
	if r.rounds[1].parts == 0 {
		r.rounds[1] = newRound(d)
	}
	return &r.rounds[1]
}
