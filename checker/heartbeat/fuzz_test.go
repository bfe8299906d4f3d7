package heartbeat

import (
	"bytes"
	"testing"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// Any datagrams: nothing panics, and what is kept of them is bounded.
func FuzzReceive(f *testing.F) {
	open := func(seq uint64, interval time.Duration) []byte {
		return signed(f, wire.Heartbeat{State: wire.Up, ID: "open", Service: "web", Instance: 1, Seq: seq, Interval: interval}, nil)
	}
	seeds := [][]byte{
		alone(open(1, time.Second)), alone(open(2, time.Hour)), alone(said(f, "a", "web", 5, 1)),
		relayed(f, wire.Relay{ID: "rack7", Instance: 5, Seq: 1}, nil, open(3, time.Second), said(f, "a", "web", 5, 2)),
		relayed(f, wire.Relay{ID: "rack7", Instance: 5, Seq: 2, Part: 2, Parts: 3, Children: 4}, wire.DeriveKey(fleet, "rack7"), said(f, "a", "web", 5, 3)),
	}
	f.Add(bytes.Join(seeds, []byte{0}), uint32(1000))
	for _, seed := range seeds {
		f.Add(seed, uint32(0))
	}
	f.Fuzz(func(t *testing.T, data []byte, ms uint32) {
		l := New(Marks{})
		for _, c := range []Check{
			{ID: "open", Service: "web", Interval: time.Second, Misses: 3},
			{ID: "open", Service: "polled", Interval: time.Second, Misses: 1, Fallback: true},
			{ID: "a", Service: "web", Secrets: [][]byte{fleet}, Interval: time.Minute, Misses: 1000},
		} {
			add(t, l, c)
		}
		var now time.Duration
		for datagram := range bytes.SplitSeq(data, []byte{0}) {
			l.Receive(now, anywhere, datagram)
			now += time.Duration(ms) * time.Millisecond
			l.Tick(now)
			l.Findings()
			if next, ok := l.Next(); !ok || next <= now {
				t.Fatalf("at %s the next tick is wanted at %s", now, next)
			}
		}
		for _, c := range l.children {
			if len(c.carriers) > maxCarriers || len(c.held) > maxHeld {
				t.Errorf("%v has %d carriers and %d lines held", c.name, len(c.carriers), len(c.held))
			}
		}
		if s := l.Stats(now); len(s.Relays) > 2*MaxRelays || len(l.children) != 3 {
			t.Errorf("%d relays, %d children", len(s.Relays), len(l.children))
		}
		New(l.Marks())
	})
}
