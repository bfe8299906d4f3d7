package vrrp

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

// TestJudge has a row for each reason to drop a datagram, and those that are close to
// one and accepted. Each row changes one thing of what is accepted.
func TestJudge(t *testing.T) {
	const (
		v3 = iota
		v2
		v2pass
		_
		v6
		v3unicast
		v6unicast
	)
	seen := map[Verdict]bool{}
	for _, row := range []struct {
		name   string
		which  int // of besideKeepalived
		change func(r *Router, d *Datagram, p *Packet)
		// bytes changes the message after that, with a checksum that is right or not.
		bytes func(b []byte) []byte
		want  Verdict
	}{
		{name: "version 3", which: v3, want: Accepted},
		{name: "version 2", which: v2, want: Accepted},
		{name: "version 2 with a password", which: v2pass, want: Accepted},
		{name: "IPv6", which: v6, want: Accepted},
		{name: "unicast", which: v3unicast, want: Accepted},
		{name: "unicast, IPv6", which: v6unicast, want: Accepted},

		{name: "checksum without pseudo-header", which: v3, want: Accepted, change: func(_ *Router, _ *Datagram, p *Packet) { p.Checksum = ChecksumRFC9568 }},
		{name: "priority 0", which: v3, want: Accepted, change: func(_ *Router, _ *Datagram, p *Packet) { p.Priority = 0 }},
		{name: "priority 255 at the owner of the addresses", which: v3, want: Accepted, change: func(r *Router, _ *Datagram, p *Packet) { r.Priority, p.Priority = 255, 255 }},
		{name: "other addresses", which: v3, want: Accepted, change: func(_ *Router, _ *Datagram, p *Packet) { p.Addresses = []netip.Addr{near4, far4} }},
		{name: "another interval, version 3", which: v3, want: Accepted, change: func(_ *Router, _ *Datagram, p *Packet) { p.Interval = 7 * time.Second }},
		{name: "unicast that was routed", which: v3unicast, want: Accepted, change: func(_ *Router, d *Datagram, _ *Packet) { d.TTL = 61 }},
		{name: "own address is not known", which: v3, want: Accepted, change: func(_ *Router, d *Datagram, _ *Packet) { d.Source = netip.MustParseAddr("192.0.2.9") }},

		{name: "another router's", which: v3, want: WrongVRID, change: func(_ *Router, _ *Datagram, p *Packet) { p.VRID++ }},
		{name: "IPv6 at a router of IPv4", which: v3, want: WrongFamily, change: func(_ *Router, d *Datagram, _ *Packet) { d.Source, d.Destination = farLocal, GroupIPv6 }},
		{name: "IPv4 at a router of IPv6", which: v6, want: WrongFamily, change: func(_ *Router, d *Datagram, p *Packet) {
			d.Source, d.Destination, p.Addresses = far4, GroupIPv4, []netip.Addr{far4}
		}},
		{name: "our own", which: v3, want: OwnAddress, change: func(_ *Router, d *Datagram, _ *Packet) { d.Source = near4 }},
		{name: "multicast at a unicast router", which: v3unicast, want: GroupHeard, change: func(_ *Router, d *Datagram, _ *Packet) { d.Destination = GroupIPv4 }},
		{name: "unicast at a multicast router", which: v3, want: UnicastHeard, change: func(_ *Router, d *Datagram, _ *Packet) { d.Destination = near4 }},
		{name: "another group", which: v3, want: UnicastHeard, change: func(_ *Router, d *Datagram, _ *Packet) { d.Destination = netip.MustParseAddr("224.0.0.81") }},
		{name: "TTL 254", which: v3, want: WrongTTL, change: func(_ *Router, d *Datagram, _ *Packet) { d.TTL = 254 }},
		{name: "hop limit 64", which: v6, want: WrongTTL, change: func(_ *Router, d *Datagram, _ *Packet) { d.TTL = 64 }},
		{name: "not a peer", which: v3unicast, want: UnknownPeer, change: func(_ *Router, d *Datagram, _ *Packet) { d.Source = netip.MustParseAddr("192.0.2.66") }},
		{name: "not a peer, IPv6", which: v6unicast, want: UnknownPeer, change: func(_ *Router, d *Datagram, _ *Packet) { d.Source = farLocal }},

		{name: "nothing", which: v3, want: TooShort, bytes: func([]byte) []byte { return nil }},
		{name: "a header less one byte", which: v3, want: TooShort, bytes: func(b []byte) []byte { return b[:7] }},
		{name: "version 4", which: v3, want: WrongVersion, bytes: func(b []byte) []byte { return set(b, 0, 0x41) }},
		{name: "version 2 at a router of version 3", which: v3, want: VersionMismatch, change: func(_ *Router, _ *Datagram, p *Packet) { p.Version, p.Interval = V2, time.Second }},
		{name: "version 3 at a router of version 2", which: v2, want: VersionMismatch, change: func(_ *Router, _ *Datagram, p *Packet) { p.Version = V3 }},
		{name: "version 2 over IPv6, as keepalived can", which: v6, want: VersionMismatch, bytes: func(b []byte) []byte { return set(b, 0, 0x21) }},
		{name: "type 2", which: v3, want: WrongType, bytes: func(b []byte) []byte { return set(b, 0, 0x32) }},
		{name: "no addresses", which: v3, want: NoAddresses, change: func(_ *Router, _ *Datagram, p *Packet) { p.Addresses = nil }},
		{name: "no addresses, version 2", which: v2, want: NoAddresses, change: func(_ *Router, _ *Datagram, p *Packet) { p.Addresses = nil }},
		{name: "counts one too many", which: v3, want: WrongLength, bytes: func(b []byte) []byte { return set(b, 3, 2) }},
		{name: "counts one too few", which: v2, want: WrongLength, bytes: func(b []byte) []byte { return set(b, 3, 1) }},
		{name: "something behind it", which: v6, want: WrongLength, bytes: func(b []byte) []byte { return append(b, 0) }},
		{name: "version 2 without its authentication data", which: v2, want: WrongLength, bytes: func(b []byte) []byte { return b[:len(b)-8] }},
		{name: "wrong checksum", which: v3, want: WrongChecksum, bytes: func(b []byte) []byte { return set(b, 7, b[7]+1) }},
		{name: "wrong checksum, version 2", which: v2, want: WrongChecksum, bytes: func(b []byte) []byte { return set(b, 7, b[7]+1) }},
		{name: "wrong checksum, IPv6", which: v6, want: WrongChecksum, bytes: func(b []byte) []byte { return set(b, 7, b[7]+1) }},
		{name: "no pseudo-header, IPv6", which: v6, want: WrongChecksum, bytes: func(b []byte) []byte { resum(b, farLocal, GroupIPv6, false); return b }},
		{name: "no interval", which: v3, want: ZeroInterval, change: func(_ *Router, _ *Datagram, p *Packet) { p.Interval = 0 }},
		{name: "no interval, version 2", which: v2, want: ZeroInterval, change: func(_ *Router, _ *Datagram, p *Packet) { p.Interval = 0 }},

		{name: "no password, and we have one", which: v2pass, want: WrongAuthType, change: func(_ *Router, _ *Datagram, p *Packet) { p.AuthType, p.Auth = AuthNone, "" }},
		{name: "a password, and we have none", which: v2, want: WrongAuthType, change: func(_ *Router, _ *Datagram, p *Packet) { p.AuthType, p.Auth = AuthSimple, "s3cret" }},
		{name: "authentication header", which: v2pass, want: WrongAuthType, change: func(_ *Router, _ *Datagram, p *Packet) { p.AuthType = 2 }},
		{name: "another password", which: v2pass, want: WrongAuthPass, change: func(_ *Router, _ *Datagram, p *Packet) { p.Auth = "s3creT" }},
		{name: "a longer password", which: v2pass, want: WrongAuthPass, change: func(_ *Router, _ *Datagram, p *Packet) { p.Auth = "s3cret1" }},
		{name: "another interval, version 2", which: v2, want: IntervalMismatch, change: func(_ *Router, _ *Datagram, p *Packet) { p.Interval = 2 * time.Second }},
	} {
		t.Run(row.name, func(t *testing.T) {
			peer := besideKeepalived[row.which]
			router, packet := peer.router, peer.packet(keepalivesPriority)
			router.Priority = 150
			d := Datagram{Source: peer.far, Destination: group(router, peer.near), TTL: 255}
			if row.change != nil {
				row.change(&router, &d, &packet)
			}
			d.Payload = packet.Append(nil, d.Source, d.Destination)
			if row.bytes != nil {
				d.Payload = row.bytes(d.Payload)
			}
			if _, got := Judge(router, peer.near, d); got != row.want {
				t.Errorf("%v, want %v", got, row.want)
			}
			seen[row.want] = true
			if row.name == "own address is not known" {
				if _, got := Judge(router, netip.Addr{}, d); got != Accepted {
					t.Errorf("and without an own address %v", got)
				}
			}
		})
	}
	for v := range verdictCount {
		if !seen[v] {
			t.Errorf("no row for %v", v)
		}
	}
}

// TestVerdictsHaveLabels: each its own.
func TestVerdictsHaveLabels(t *testing.T) {
	var labels []string
	for k := range warningKinds {
		if slices.Contains(labels, k.String()) || k.String() == "" {
			t.Errorf("%d: %q is there twice", k, k)
		}
		labels = append(labels, k.String())
	}
}

// set changes one byte.
func set(b []byte, at int, to byte) []byte {
	b[at] = to
	return b
}

// TestPasswords: what counts is what fits into a message.
func TestPasswords(t *testing.T) {
	peer := besideKeepalived[2]
	for _, c := range []struct {
		ours, theirs string
		want         Verdict
	}{
		{"12345678", "12345678", Accepted},
		{"123456789", "12345678", Accepted}, // as keepalived, which cuts it too
		{"1234567", "12345678", WrongAuthPass},
		{"abc\x00", "abc", Accepted},
	} {
		router, packet := peer.router, peer.packet(100)
		router.AuthPass, packet.Auth = c.ours, c.theirs
		d := Datagram{Source: peer.far, Destination: GroupIPv4, TTL: 255, Payload: packet.Append(nil, peer.far, GroupIPv4)}
		if _, got := Judge(router, peer.near, d); got != c.want {
			t.Errorf("ours %q, theirs %q: %v, want %v", c.ours, c.theirs, got, c.want)
		}
	}
}
