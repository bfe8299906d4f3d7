package vrrp

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestSentences has what an operator is told of each kind of trouble: which router,
// which peer, what is wrong, and what to do.
func TestSentences(t *testing.T) {
	const (
		dropped = "an advertisement of 192.0.2.2 is dropped: "
		old     = "an advertisement of 192.0.2.2 is dropped: "
		pass    = "an advertisement of 192.0.2.2 is dropped: "
	)
	packet := func(change func(*Packet)) func(p peered) Datagram {
		return func(p peered) Datagram { return p.heardFrom(100, change) }
	}
	datagram := func(change func(*Datagram)) func(p peered) Datagram {
		return func(p peered) Datagram {
			d := p.heardFrom(100, nil)
			change(&d)
			return d
		}
	}
	seen := map[string]bool{"wrong_vrid": true, "wrong_family": true} // of these nobody is told
	for _, c := range []struct {
		kind  string
		which int
		heard func(p peered) Datagram
		want  string
	}{
		{
			"own_address", 0, datagram(func(d *Datagram) { d.Source = near4 }),
			"an advertisement of 192.0.2.1 is dropped: that is our own address; another host has it too, or the network sends back what we send",
		},
		{
			"group_heard", 5, datagram(func(d *Datagram) { d.Destination = GroupIPv4 }),
			"an advertisement of 192.0.2.2 is dropped: it was sent to the group 224.0.0.18, and we are unicast: set unicast on both, or on neither",
		},
		{
			"unicast_heard", 0, datagram(func(d *Datagram) { d.Destination = near4 }),
			dropped + "it was sent to 192.0.2.1, and we are multicast: set unicast on both, or on neither",
		},
		{
			"wrong_ttl", 0, datagram(func(d *Datagram) { d.TTL = 63 }),
			dropped + "its TTL is 63 rather than 255, so it is not from this link: look for what forwards it",
		},
		{
			"unknown_peer", 5, datagram(func(d *Datagram) { d.Source = netip.MustParseAddr("192.0.2.66") }),
			"an advertisement of 192.0.2.66 is dropped: it is none of the unicast peers: add it to them if it belongs to this router",
		},
		{
			"too_short", 0, datagram(func(d *Datagram) { d.Payload = d.Payload[:4] }),
			dropped + "it is too short to be one",
		},
		{
			"wrong_version", 0, datagram(func(d *Datagram) { d.Payload[0] = 0x11 }),
			dropped + "its version is neither 2 nor 3",
		},
		{
			"version_mismatch", 0, packet(func(p *Packet) { p.Version = V2 }),
			dropped + "it is of version 2, and we are of version 3: set the same on both, or both will be master (keepalived's default is 2)",
		},
		{
			"version_mismatch", 1, packet(func(p *Packet) { p.Version = V3 }),
			old + "it is of version 3, and we are of version 2: set the same on both, or both will be master (keepalived's default is 2)",
		},
		{
			"wrong_type", 0, datagram(func(d *Datagram) { d.Payload[0] = 0x32 }),
			dropped + "it is a message of another type",
		},
		{
			"no_addresses", 0, packet(func(p *Packet) { p.Addresses = nil }),
			dropped + "it names no addresses: set the same on both",
		},
		{
			"wrong_length", 0, datagram(func(d *Datagram) { d.Payload[3]++ }),
			dropped + "its length does not fit its count of addresses",
		},
		{
			"wrong_checksum", 0, datagram(func(d *Datagram) { d.Payload[6]++ }),
			dropped + "its checksum is wrong: something damages it on its way",
		},
		{
			"zero_interval", 0, packet(func(p *Packet) { p.Interval = 0 }),
			dropped + "its interval is 0",
		},
		{
			"wrong_auth_type", 1, packet(func(p *Packet) { p.AuthType = AuthSimple }),
			old + "it has a password, and we have none: set auth_pass_file on both, or on neither",
		},
		{
			"wrong_auth_type", 2, packet(func(p *Packet) { p.AuthType = AuthNone }),
			pass + "it has no password, and we have one: set auth_pass_file on both, or on neither",
		},
		{
			"wrong_auth_type", 2, packet(func(p *Packet) { p.AuthType = 2 }),
			pass + "its authentication is of type 2, and we know a password in clear text only, or none",
		},
		{
			"wrong_auth_pass", 2, packet(func(p *Packet) { p.Auth = "guess" }),
			pass + "its password is not ours: set the same auth_pass_file on both (keepalived sends the first 8 bytes of its auth_pass)",
		},
		{
			"interval_mismatch", 1, packet(func(p *Packet) { p.Interval = 2 * time.Second }),
			old + "its interval is 2s, and ours is 1s, which version 2 does not allow: set the same on both, or both will be master",
		},
		{
			"intervals", 0, packet(func(p *Packet) { p.Interval = 2 * time.Second }),
			"192.0.2.2 advertises every 2s, and we every 100ms: set the same advert_interval on both",
		},
		{
			"addresses", 0, packet(func(p *Packet) { p.Addresses = []netip.Addr{near4, far4} }),
			"192.0.2.2 advertises 192.0.2.1, 192.0.2.2, and we 192.0.2.100: set the same addresses on both",
		},
		{
			"addresses", 0, packet(func(p *Packet) { p.Addresses = slices.Repeat([]netip.Addr{far4}, 255) }),
			"192.0.2.2 advertises 192.0.2.2, 192.0.2.2, 192.0.2.2, 192.0.2.2, 192.0.2.2, 192.0.2.2, 192.0.2.2, 192.0.2.2 and 247 more, " +
				"and we 192.0.2.100: set the same addresses on both",
		},
	} {
		p := besideKeepalived[c.which]
		i, edge := instanceBeside(p, 150)
		i.Receive(noon, c.heard(p))
		if diff := cmp.Diff([]string{c.want}, edge.told); diff != "" {
			t.Errorf("%s: told (-want +got):\n%s", c.kind, diff)
		}
		if diff := cmp.Diff([]Warning{{c.kind, c.want, noon}}, i.Snapshot(noon).Warnings); diff != "" {
			t.Errorf("%s: in force (-want +got):\n%s", c.kind, diff)
		}
		seen[c.kind] = true
	}
	for v := Accepted + 1; v < verdictCount; v++ {
		if !seen[v.String()] {
			t.Errorf("no sentence of %v is tested", v)
		}
	}
}

// TestNobodyIsWarned of what is as it should be, or for others.
func TestNobodyIsWarned(t *testing.T) {
	p := besideKeepalived[1]
	for name, d := range map[string]Datagram{
		"an advertisement like ours": p.heardFrom(100, nil),
		"its addresses in another order": p.heardFrom(100, func(p *Packet) {
			p.Addresses = []netip.Addr{p.Addresses[1], p.Addresses[0]}
		}),
		"another router's": p.heardFrom(100, func(p *Packet) { p.VRID++ }),
		"IPv6":             {Source: farLocal, Destination: GroupIPv6, TTL: 255, Payload: unhex(t, besideKeepalived[4].recorded)},
	} {
		i, edge := instanceBeside(p, 150)
		i.Receive(noon, d)
		if edge.told != nil || len(i.Snapshot(noon).Warnings) > 0 {
			t.Errorf("%s: %q", name, edge.told)
		}
	}
}

// TestWarningsAreLimited: one kind is told once a minute at most, and is in force for
// three intervals or 10 s, whichever is longer.
func TestWarningsAreLimited(t *testing.T) {
	p := besideKeepalived[0]
	i, edge := instanceBeside(p, 150)
	differing := func(p *Packet) { p.Interval, p.Addresses = time.Second, []netip.Addr{far4} }
	for tenth := range 1201 { // two minutes
		now := noon.Add(time.Duration(tenth) * 100 * time.Millisecond)
		i.Receive(now, p.heardFrom(200, differing))
	}
	if len(edge.told) != 6 { // two kinds, at 0 s, 60 s and 120 s
		t.Errorf("told %d times: %q", len(edge.told), edge.told)
	}
	last := noon.Add(2 * time.Minute)
	for after, want := range map[time.Duration]int{0: 2, 10 * time.Second: 2, 10*time.Second + 1: 0} {
		if got := i.Snapshot(last.Add(after)).Warnings; len(got) != want {
			t.Errorf("%v after the last: %v", after, got)
		}
	}

	slow := i.Router()
	slow.AdvertInterval = 40 * time.Second
	i.Configure(slow)
	if got := i.Snapshot(last).Warnings; len(got) > 0 {
		t.Errorf("after a change of the setup: %v", got)
	}
	i.Receive(last, p.heardFrom(200, differing))
	for after, want := range map[time.Duration]int{2 * time.Minute: 2, 2*time.Minute + 1: 0} {
		if got := i.Snapshot(last.Add(after)).Warnings; len(got) != want {
			t.Errorf("with an interval of 40 s, %v after the last: %v", after, got)
		}
	}
}
