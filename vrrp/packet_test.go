package vrrp

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestPacketBytes has each sort of advertisement as bytes that were recorded from
// keepalived, or worked out by hand from the specification.
func TestPacketBytes(t *testing.T) {
	type example struct {
		name     string
		packet   Packet
		src, dst netip.Addr
		bytes    string
	}
	var examples []example
	for _, p := range besideKeepalived {
		examples = append(examples, example{
			"keepalived, " + p.router.Name, p.packet(keepalivesPriority), p.far, group(p.router, p.near), p.recorded,
		})
	}
	withoutPseudoHeader := besideKeepalived[0].packet(keepalivesPriority)
	withoutPseudoHeader.Checksum = ChecksumRFC9568
	longest := besideKeepalived[0].packet(0)
	longest.Interval = 40950 * time.Millisecond
	examples = append(
		examples,
		// 3133 + 6400 + 01.. = 3133+6401+000a+c000+0264 = 157a2 -> 57a3 -> complement a85c
		example{
			"RFC 9568, section 5.2.8: no pseudo-header over IPv4", withoutPseudoHeader, far4, GroupIPv4,
			"31336401000aa85cc0000264",
		},
		// The same and the pseudo-header: c000+0202 + e000+0012 + 0070 + 000c = 1a290.
		// 3133+0001+0fff+c000+0264 = 10397, together 2a627 -> a629 -> complement 59d6.
		example{
			"priority 0, the longest interval: 12 bits", longest, far4, GroupIPv4,
			"313300010fff59d6c0000264",
		},
	)
	for _, e := range examples {
		t.Run(e.name, func(t *testing.T) {
			if got := hex.EncodeToString(e.packet.Append(nil, e.src, e.dst)); got != e.bytes {
				t.Errorf("encoded\n%s, want\n%s", got, e.bytes)
			}
			b, err := hex.DecodeString(e.bytes)
			if err != nil {
				t.Fatal(err)
			}
			got, verdict := Decode(b, e.src, e.dst)
			if diff := cmp.Diff(e.packet, got, compareAddrs); verdict != Accepted || diff != "" {
				t.Errorf("decoded as %v (-want +got):\n%s", verdict, diff)
			}
		})
	}
}

// TestReservedBitsAreIgnored: RFC 9568, section 5.2.6; RFC 3768, section 5.3.6, on the
// authentication data where the type is none.
func TestReservedBitsAreIgnored(t *testing.T) {
	for _, p := range besideKeepalived[:2] {
		b := unhex(t, p.recorded)
		at := 4
		if p.router.Version == V2 {
			at = len(b) - 8
		}
		b[at] = 0xf0
		resum(b, p.far, GroupIPv4, p.router.Version == V3)
		got, verdict := Decode(b, p.far, GroupIPv4)
		if diff := cmp.Diff(p.packet(keepalivesPriority), got, compareAddrs); verdict != Accepted || diff != "" {
			t.Errorf("version %d: %v (-want +got):\n%s", p.router.Version, verdict, diff)
		}
	}
}

// TestDamageIsSeen turns each bit of an advertisement over, and cuts it short at each
// length: nothing of that is accepted.
func TestDamageIsSeen(t *testing.T) {
	for _, p := range besideKeepalived {
		whole := unhex(t, p.recorded)
		dst := group(p.router, p.near)
		for bit := range len(whole) * 8 {
			b := append([]byte(nil), whole...)
			b[bit/8] ^= 0x80 >> (bit % 8)
			if _, verdict := Judge(p.router, p.near, Datagram{Source: p.far, Destination: dst, TTL: 255, Payload: b}); verdict == Accepted {
				t.Errorf("%s: accepted with bit %d of byte %d turned over", p.router.Name, bit%8, bit/8)
			}
		}
		for n := range whole {
			if _, verdict := Decode(whole[:n], p.far, dst); verdict == Accepted {
				t.Errorf("%s: accepted when cut to %d bytes", p.router.Name, n)
			}
		}
		// IPv6's addresses are covered by its checksum, and IPv4's in version 3.
		if _, verdict := Decode(whole, p.near, dst); (verdict == Accepted) != (p.router.Version == V2) {
			t.Errorf("%s: with another source it is %v", p.router.Name, verdict)
		}
	}
}

// TestPacketRoundTrip: what is encoded is decoded as it was.
func TestPacketRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, src, dst := drawPacket(t)
		prefix := []byte("before")
		b := p.Append(prefix, src, dst)
		if !strings.HasPrefix(string(b), "before") {
			t.Fatalf("what was there is gone: %x", b)
		}
		got, verdict := Decode(b[len(prefix):], src, dst)
		if verdict != Accepted {
			t.Fatalf("%+v: %v", p, verdict)
		}
		if diff := cmp.Diff(p, got, compareAddrs); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
	})
}

func drawPacket(t *rapid.T) (p Packet, src, dst netip.Addr) {
	p.Version = rapid.SampledFrom([]Version{V2, V3}).Draw(t, "version")
	p.VRID, p.Priority = rapid.Byte().Draw(t, "vrid"), rapid.Byte().Draw(t, "priority")
	size := 4
	if p.Version == V3 && rapid.Bool().Draw(t, "IPv6") {
		size = 16
	}
	addr := rapid.Custom(func(t *rapid.T) netip.Addr {
		a, _ := netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "address"))
		return a
	})
	p.Addresses = rapid.SliceOfN(addr, 1, MaxAddresses).Draw(t, "addresses")
	src, dst = addr.Draw(t, "src"), addr.Draw(t, "dst")
	if p.Version == V2 {
		p.Interval = time.Duration(rapid.IntRange(1, 255).Draw(t, "seconds")) * time.Second
		p.AuthType = rapid.SampledFrom([]AuthType{AuthNone, AuthSimple}).Draw(t, "auth type")
		if p.AuthType == AuthSimple {
			p.Auth = rapid.StringMatching(`[!-~]{1,8}`).Draw(t, "auth")
		}
		return p, src, dst
	}
	p.Interval = time.Duration(rapid.IntRange(1, 4095).Draw(t, "centiseconds")) * centisecond
	if size == 4 {
		p.Checksum = ChecksumRFC5798
		if rapid.Bool().Draw(t, "RFC 9568") && fold(pseudoHeader(src, dst, headerSize+4*len(p.Addresses))) != 0xffff {
			p.Checksum = ChecksumRFC9568
		}
	}
	return p, src, dst
}

// TestTooManyAddresses: those that can't be counted are not sent.
func TestTooManyAddresses(t *testing.T) {
	p := besideKeepalived[0].packet(100)
	for len(p.Addresses) < MaxAddresses+1 {
		p.Addresses = append(p.Addresses, near4)
	}
	got, verdict := Decode(p.Append(nil, near4, GroupIPv4), near4, GroupIPv4)
	if verdict != Accepted || len(got.Addresses) != MaxAddresses {
		t.Errorf("%v, with %d addresses", verdict, len(got.Addresses))
	}
}

// resum puts the right checksum into an advertisement of IPv4.
func resum(b []byte, src, dst netip.Addr, withPseudoHeader bool) {
	b[6], b[7] = 0, 0
	acc := sum16(0, b)
	if withPseudoHeader {
		acc += pseudoHeader(src, dst, len(b))
	}
	sum := fold(acc)
	b[6], b[7] = byte(sum>>8), byte(sum)
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
