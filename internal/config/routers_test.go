package config

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstay-lvs/mainstay/checker"
	"github.com/mainstay-lvs/mainstay/ipvs"
	"github.com/mainstay-lvs/mainstay/vrrp"
)

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func addrs(texts ...string) []netip.Addr {
	var all []netip.Addr
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

// Every key of a virtual router arrives where it should, and those that are left out
// have their defaults.
func TestEveryKeyOfARouter(t *testing.T) {
	command := func(timing checker.Timing, argv ...string) checker.Spec {
		return checker.Spec{Target: addrPort("127.0.0.1:0"), Options: checker.Command{Argv: argv}, Timing: timing}
	}
	want := []VirtualRouter{
		{
			Router: vrrp.Router{
				Name: "edge", Interface: "eth0", VRID: 51, Version: vrrp.V3, Priority: 150,
				AdvertInterval: 100 * time.Millisecond, Preempt: true, PreemptDelay: 90 * time.Second,
				Unicast: &vrrp.Unicast{
					Source: netip.MustParseAddr("192.0.2.11"),
					Peers:  addrs("192.0.2.12", "192.0.2.13"),
				},
				Addresses:       prefixes("192.0.2.100/24", "192.0.2.101/32"),
				ExtraAddresses:  prefixes("192.0.2.102/32", "2001:db8::100/128"),
				Checksum:        vrrp.ChecksumRFC9568,
				TrackInterfaces: []string{"eth1", "bond0.12"},
			},
			Services: []TrackedService{
				{"bastion", ipvs.AddressKey(ipvs.TCP, addrPort("192.0.2.100:2222")), 60},
				{"six", ipvs.AddressKey(ipvs.TCP, addrPort("[2001:db8::100]:2222")), 1},
			},
			Commands: []TrackedCommand{
				{
					"/usr/local/bin/ok",
					command(checker.Timing{
						Interval: 2 * time.Second, FastInterval: 2 * time.Second, Timeout: time.Second, Fall: 2, Rise: 3,
					}, "/usr/local/bin/ok"), 40,
				},
				{
					`/usr/local/bin/nobodys "" "two words"`,
					command(checker.DefaultTiming(), "/usr/local/bin/nobodys", "", "two words"), 254,
				},
			},
			ConnectionSync: &ConnectionSync{Interface: "eth1", ID: 0},
		},
		{Router: vrrp.Router{
			Name: "old", Interface: "eth1", VRID: 51, Version: vrrp.V2, Priority: 255,
			AdvertInterval: 255 * time.Second, Preempt: true,
			Addresses: prefixes("198.51.100.1/24"), AuthPass: vrrpPass,
		}},
		{Router: vrrp.Router{
			Name: "six", Interface: "eth0", VRID: 51, Version: vrrp.V3, Priority: 100, AdvertInterval: time.Second,
			Unicast:   &vrrp.Unicast{Source: netip.MustParseAddr("fe80::11"), Peers: addrs("fe80::12")},
			Addresses: prefixes("fe80::33/64", "2001:db8::101/64"), SyncGroup: "pair",
		}},
		{Router: vrrp.Router{
			Name: "six-inside", Interface: "eth1", VRID: 255, Version: vrrp.V3, Priority: 100, AdvertInterval: time.Second,
			Addresses: prefixes("fe80::33/64"), SyncGroup: "pair",
		}},
	}
	if diff := cmp.Diff(want, right(t, "routers.yaml").Routers, comparing); diff != "" {
		t.Error(diff)
	}
}

// oneRouter is a file with one router, some keys added.
func oneRouter(keys string) string {
	return "virtual_routers: [{name: edge, interface: eth0, vrid: 51, " + keys + "}]"
}

// A file with routers alone is a whole file: a host that only holds addresses.
func TestRoutersWithoutServices(t *testing.T) {
	c, problems := Parse("m.yaml", []byte(oneRouter("addresses: [192.0.2.100]")), newHost())
	if c == nil || len(problems.Warnings) > 0 {
		t.Fatal(problems)
	}
	if len(c.Routers) != 1 || len(c.Services) != 0 {
		t.Errorf("%d routers and %d services, want 1 and 0", len(c.Routers), len(c.Services))
	}
}

// What advertisements can tell of their interval, to the ends of its range.
func TestIntervalsThatAdvertisementsTell(t *testing.T) {
	for _, tc := range []struct {
		version, interval string
		ok                bool
	}{
		{"3", "10ms", true},
		{"3", "40.95s", true},
		{"3", "40.96s", false},
		{"3", "10.001ms", false},
		{"2", "1s", true},
		{"2", "255s", true},
		{"2", "256s", false},
		{"2", "990ms", false},
	} {
		text := oneRouter("version: " + tc.version + ", advert_interval: " + tc.interval + ", addresses: [192.0.2.100]")
		if c, problems := Parse("m.yaml", []byte(text), newHost()); (c != nil) != tc.ok {
			t.Errorf("version %s, %s: %v", tc.version, tc.interval, problems)
		}
	}
}

// As many addresses as an advertisement of 1500 bytes holds are taken; one more is
// refused, in TestRefusedTexts.
func TestAddressesOfAnAdvertisement(t *testing.T) {
	for _, tc := range []struct {
		family         ipvs.Family
		most           int
		header, size   int // of IP, and of an address
		authentication int
		list           string
	}{
		{ipvs.IPv4, 255, 20, 4, 8, tens(0, 255)},
		{ipvs.IPv6, 90, 40, 16, 0, linkLocals(90)},
	} {
		if got := mostAddresses(tc.family); got != tc.most {
			t.Errorf("%s: %d addresses, want %d", tc.family, got, tc.most)
		}
		if bytes := tc.header + 8 + tc.most*tc.size + tc.authentication; bytes > 1500 {
			t.Errorf("%s: an advertisement of %d addresses has %d bytes, want 1500 at most", tc.family, tc.most, bytes)
		}
		if _, problems := Parse("m.yaml", []byte(oneRouter("addresses: "+tc.list)), newHost()); problems.Err() != nil {
			t.Errorf("%s: %v", tc.family, problems.Err())
		}
	}
}

// Two routers with the same command share one check: their specs are equal.
func TestCommandOfTwoRouters(t *testing.T) {
	const text = `
virtual_routers:
  - {name: a, interface: eth0, vrid: 1, addresses: [192.0.2.100], track: &t {commands: [{command: [/usr/local/bin/ok], penalty: 9}]}}
  - {name: b, interface: eth1, vrid: 1, addresses: [192.0.2.101], track: *t}
`
	c, problems := Parse("m.yaml", []byte(text), newHost())
	if c == nil {
		t.Fatal(problems)
	}
	if a, b := c.Routers[0].Commands[0], c.Routers[1].Commands[0]; !cmp.Equal(a, b, comparing) {
		t.Errorf("%+v and %+v differ", a, b)
	}
}

// The id of the sync daemon is the vrid where the file gives none, as keepalived's is.
func TestDefaultOfConnectionSyncID(t *testing.T) {
	text := oneRouter("addresses: [192.0.2.100], connection_sync: {interface: eth1}")
	c, problems := Parse("m.yaml", []byte(text), newHost())
	if c == nil {
		t.Fatal(problems)
	}
	if got := c.Routers[0].ConnectionSync.ID; got != 51 {
		t.Errorf("id %d, want 51", got)
	}
}

// Services of both families are one thing, which the kernel syncs, and servers of
// another family than their service are another, which it doesn't.
func TestConnectionSyncOfBothFamilies(t *testing.T) {
	c := right(t, "routers.yaml")
	families := []ipvs.Family{c.Services[0].Head.Family, c.Services[1].Head.Family}
	if c.Routers[0].ConnectionSync == nil || !slices.Equal(families, []ipvs.Family{ipvs.IPv4, ipvs.IPv6}) {
		t.Errorf("routers.yaml has no connection_sync with services of both families, but of %v", families)
	}
}

// A wrong value is reported once: no rule builds on it.
func TestNothingFollowsFromAWrongRouter(t *testing.T) {
	for _, tc := range []struct {
		keys string
		want []string // paths of errors, within the router
	}{
		{`addresses: [x], unicast: {source: 192.0.2.11, peers: ["fe80::1"]}`, []string{"addresses[0]"}},
		{`version: two, addresses: ["fe80::1"], auth_pass_file: /etc/mainstay/vrrp.pass`, []string{"version"}},
		{`version: two, addresses: [192.0.2.100], advert_interval: 15ms`, []string{"version"}},
		{`addresses: [192.0.2.100], unicast: {source: x, peers: [192.0.2.12]}`, []string{"unicast.source"}},
		{`addresses: [192.0.2.100], unicast: {source: 192.0.2.11, peers: x}`, []string{"unicast.peers"}},
		{`addresses: [192.0.2.100], unicast: x`, []string{"unicast"}},
		{
			`addresses: [192.0.2.100], track: {commands: [{command: x, penalty: 1}, {command: y, penalty: 1}]}`,
			[]string{"track.commands[0].command", "track.commands[1].command"},
		},
		{`addresses: [192.0.2.100], track: {virtual_services: [{penalty: 1}]}`, []string{"track.virtual_services[0].name"}},
		{`priority: x, addresses: [192.0.2.100], track: {virtual_services: x}`, []string{"priority", "track.virtual_services"}},
		{`addresses: [192.0.2.100], track: x, connection_sync: x`, []string{"track", "connection_sync"}},
	} {
		_, problems := Parse("m.yaml", []byte(oneRouter(tc.keys)), newHost())
		var got []string
		for _, p := range problems.Errors {
			got = append(got, strings.TrimPrefix(p.Path, "virtual_routers[0]."))
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want errors of %v", tc.keys, problems.Errors, tc.want)
		}
	}
}
