package vrrp

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
)

// FuzzDecode: no message makes it panic, and one that is accepted is encoded to the
// same bytes again, but for those that are ignored.
func FuzzDecode(f *testing.F) {
	for _, p := range besideKeepalived {
		f.Add(unhex(f, p.recorded), p.router.IPv6(), p.router.Unicast != nil)
	}
	f.Add(unhex(f, "31336401000aa85cc0000264"), false, false) // without pseudo-header
	f.Add(unhex(f, "313300010fff59d6c0000264"), false, false) // priority 0
	f.Add([]byte{}, false, false)
	f.Add(unhex(f, "313364ff000a0000"), true, false)
	f.Fuzz(func(t *testing.T, b []byte, ipv6, unicast bool) {
		src, dst := far4, GroupIPv4
		if unicast {
			dst = near4
		}
		if ipv6 {
			if src, dst = farLocal, GroupIPv6; unicast {
				src, dst = far6, near6
			}
		}
		// As it is, and with a right checksum, which no fuzzer finds.
		for _, b := range [][]byte{b, repaired(b, src, dst)} {
			if p, verdict := Decode(b, src, dst); verdict == Accepted {
				checkEncodesAs(t, p, b, src, dst)
			}
		}
	})
}

// repaired is a copy of a message with a right checksum.
func repaired(b []byte, src, dst netip.Addr) []byte {
	b = bytes.Clone(b)
	if len(b) >= headerSize {
		resum(b, src, dst, b[0]>>4 == byte(V3))
	}
	return b
}

// checkEncodesAs encodes what was decoded from b.
func checkEncodesAs(t *testing.T, p Packet, b []byte, src, dst netip.Addr) {
	t.Helper()
	ignored := p.Version == V3 && b[4]&0xf0 != 0
	if p.Version == V2 && p.AuthType == AuthNone {
		ignored = !bytes.Equal(b[len(b)-authSize:], make([]byte, authSize))
	}
	// In one's complement 0 has two forms.
	if ignored || binary.BigEndian.Uint16(b[6:]) == 0xffff {
		return
	}
	if got := p.Append(nil, src, dst); !bytes.Equal(got, b) {
		t.Errorf("%x is encoded as\n%x: %+v", b, got, p)
	}
}

// FuzzJudge: whatever comes to whichever router, there is a verdict, and what is
// accepted is what the router may hear.
func FuzzJudge(f *testing.F) {
	for which, p := range besideKeepalived {
		dst := group(p.router, p.near)
		f.Add(uint8(which), p.far.AsSlice(), dst.AsSlice(), uint8(255), unhex(f, p.recorded))
		f.Add(uint8(which), p.near.AsSlice(), dst.AsSlice(), uint8(255), unhex(f, p.recorded))
		f.Add(uint8(which+1), p.far.AsSlice(), dst.AsSlice(), uint8(64), unhex(f, p.recorded))
	}
	f.Fuzz(func(t *testing.T, which uint8, from, to []byte, ttl uint8, payload []byte) {
		peer := besideKeepalived[int(which)%len(besideKeepalived)]
		r := peer.router
		src, okSrc := netip.AddrFromSlice(from)
		dst, okDst := netip.AddrFromSlice(to)
		if !okSrc || !okDst {
			return
		}
		payload = repaired(payload, src, dst)
		p, verdict := Judge(r, peer.near, Datagram{Source: src, Destination: dst, TTL: ttl, Payload: payload})
		if verdict.String() == "" {
			t.Fatalf("verdict %d has no label", verdict)
		}
		if verdict != Accepted {
			return
		}
		switch {
		case p.Version != r.Version, p.VRID != r.VRID, p.Interval <= 0, len(p.Addresses) == 0,
			src == peer.near, src.Is6() != r.IPv6(),
			r.Unicast == nil && ttl != 255,
			r.Unicast != nil && src != peer.far,
			r.AuthPass != p.Auth, r.Version == V2 && p.Interval != r.AdvertInterval:
			t.Errorf("accepted: %+v from %v to %v, TTL %d", p, src, dst, ttl)
		}
		checkEncodesAs(t, p, payload, src, dst)
	})
}

// FuzzInstance lives through a script: each step is a byte for the kind, one for the
// time that passes, and what the kind wants. Whatever happens it goes on, keeps a
// bounded amount, and its timers don't run away.
func FuzzInstance(f *testing.F) {
	f.Add(uint8(0), []byte{0, 0, 1, 200, 1, 200, 2, 10, 100, 2, 10, 0, 1, 50, 3, 1, 1, 255})
	for which, p := range besideKeepalived {
		recorded := unhex(f, p.recorded)
		f.Add(uint8(which), append([]byte{0, 0, 4, 1, byte(len(recorded))}, recorded...))
	}
	f.Fuzz(func(t *testing.T, which uint8, script []byte) {
		script = script[:min(len(script), 1000)]
		peer := besideKeepalived[int(which)%len(besideKeepalived)]
		edge := &recordingEdge{}
		i := NewInstance(peer.router, edge)
		i.SetSource(peer.near)
		now := noon
		next := func() (b byte) {
			if len(script) > 0 {
				b, script = script[0], script[1:]
			}
			return b
		}
		events := 0
		for len(script) > 0 {
			events++
			kind := next()
			now = now.Add(time.Duration(next()) * 7 * time.Millisecond)
			switch kind % 6 {
			case 0:
				i.Do(now, Event{Kind: EventKind(next() % 12), Priority: max(next(), 1), Holding: kind > 100, Cause: "it was so"})
			case 1: // timers that are due
				for runs := 0; !i.Next().IsZero() && !i.Next().After(now); runs++ {
					if i.Do(now, Event{Kind: Timer}); runs > 100 {
						t.Fatal("a timer is due again and again")
					}
				}
			case 2: // a valid advertisement
				i.Receive(now, peer.heardFrom(next(), nil))
			case 3: // one that differs
				i.Receive(now, peer.heardFrom(next(), func(p *Packet) {
					p.Interval = time.Duration(next()) * 10 * time.Millisecond
					p.Addresses = append(p.Addresses, p.Addresses[0])
				}))
			case 4: // anything
				n := min(int(next()), len(script))
				d := Datagram{Source: peer.far, Destination: group(peer.router, peer.near), TTL: 255, Payload: script[:n]}
				script = script[n:]
				i.Receive(now, d)
				d.Payload = repaired(d.Payload, d.Source, d.Destination)
				i.Receive(now, d)
			case 5:
				r := i.Router()
				r.Priority, r.Preempt = max(next(), 1), kind > 100
				i.Configure(r)
			}
			edge.sent = nil
		}
		s := i.Snapshot(now)
		if len(s.Last) > historySize || len(s.Warnings) > int(warningKinds) {
			t.Errorf("it keeps %d transitions and %d warnings", len(s.Last), len(s.Warnings))
		}
		// Each kind is told once a minute at most; a step takes 1.8 s at most.
		if most := int(warningKinds) * (1 + events*2/60); len(edge.told) > most {
			t.Errorf("%d events, and %d warnings told", events, len(edge.told))
		}
	})
}
