package heartbeat

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// Stats is how a ledger fares. The counts begin with it and only grow.
type Stats struct {
	Now          time.Duration // when it was asked
	Children     int           // ids and services that checks wait for
	Checks       int
	Unheard      int    // checks whose server was never heard
	Silent       int    // checks that are down because nothing was heard
	Unsure       int    // checks of whose server nothing is known
	Held         int    // children that wait for a poll to confirm them
	Unconfirmed  int    // children that count and were not confirmed
	Polling      int    // checks whose fallback decides for now
	Received     uint64 // datagrams, all told
	Relayed      uint64 // of these, accepted ones of relays
	Verdicts     []Count
	Relays       []RelayStats
	LostInSocket uint64 // datagrams lost in this director's own socket
}

// Count is how often there was a verdict.
type Count struct {
	Verdict  Verdict
	Count    uint64
	Examples []Example // the last few of what was dropped, oldest first
}

// RelayStats is how a relay fares.
type RelayStats struct {
	ID       string
	Signed   bool
	Heard    bool // false: only its mark is there, of before a restart
	Live     bool // its rounds come
	Instance string
	Round    uint64 // the newest of which anything came
	Complete uint64 // rounds of which all came, since it was first heard
	Children int    // lines in its newest round, by its own word
	Interval time.Duration
	Last     time.Duration // when it was last heard
	From     netip.AddrPort
}

// Stats returns how the ledger fares.
func (l *Ledger) Stats(now time.Duration) Stats {
	s := Stats{Now: now, Children: len(l.children), Checks: len(l.watches), Received: l.received, Relayed: l.relayed, LostInSocket: l.losses}
	for _, w := range l.watches {
		if w.polling {
			s.Polling++
		}
		switch w.state {
		case unheard, nothing:
			s.Unheard++
		case silent:
			s.Silent++
		case unsure, restored:
			s.Unsure++
		}
	}
	for _, c := range l.children {
		if len(c.held) > 0 {
			s.Held++
		}
		if c.known && !c.mark.confirmed {
			s.Unconfirmed++
		}
	}
	for v, n := range l.tally.counts {
		if n > 0 {
			s.Verdicts = append(s.Verdicts, Count{Verdict(v), n, slices.Clone(l.tally.examples[v])})
		}
	}
	for _, known := range []map[string]*relay{l.relays.signing, l.relays.open} {
		for _, r := range known {
			s.Relays = append(s.Relays, RelayStats{
				ID: r.id, Signed: r.signed, Heard: r.heard, Live: l.live(now, r), Instance: wire.FormatInstance(r.instance),
				Round: max(r.floor, r.rounds[0].seq), Complete: r.complete, Children: r.rounds[0].children,
				Interval: r.interval, Last: r.last, From: r.from,
			})
		}
	}
	slices.SortFunc(s.Relays, func(a, b RelayStats) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), bool2int(b.Signed)-bool2int(a.Signed))
	})
	return s
}

func bool2int(b bool) int {
	if b {
		return 1
	}
	return 0
}
