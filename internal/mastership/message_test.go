package mastership

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/mainstay-lvs/mainstay/vrrp"
)

// What the daemon orders is what the process reads: also that there is nothing any more.
func TestOrdersArriveAsTheyWereGiven(t *testing.T) {
	for name, o := range map[string]Order{
		"routers": {Setup: &Setup{HoldPreemption: time.Second, Routers: []RouterSetup{{
			Router: vrrp.Router{
				Name: "edge", Interface: "eth0", VRID: 51, Version: vrrp.V2, Priority: 150, AdvertInterval: time.Second, Preempt: true, PreemptDelay: time.Minute,
				Unicast:   &vrrp.Unicast{Source: netip.MustParseAddr("192.0.2.11"), Peers: []netip.Addr{netip.MustParseAddr("192.0.2.12")}},
				Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.100/32")}, ExtraAddresses: []netip.Prefix{netip.MustParsePrefix("2001:db8::100/128")},
				SyncGroup: "pair", Checksum: vrrp.ChecksumRFC9568, AuthPass: "secret\"\n", TrackInterfaces: []string{"eth1"},
			},
			Foreign: []netip.Prefix{netip.MustParsePrefix("192.0.2.100/32")}, StandBy: true, Penalty: 60,
		}}}},
		"no routers":   {Setup: &Setup{}},
		"penalties":    {Penalise: &Penalties{Routers: map[string]int{"edge": 60}}},
		"no penalties": {Penalise: &Penalties{Routers: map[string]int{}}},
		"failover":     {Failover: &FailoverOrder{ID: 7, Router: "edge"}},
		"cancel":       {Failover: &FailoverOrder{ID: 8, Router: "edge", Cancel: true}},
		"ping":         {Ping: 1},
		"stop":         {Stop: true},
	} {
		t.Run(name, func(t *testing.T) {
			p, daemon := pair(t)
			line, err := encode(o)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := unix.Write(daemon, line); err != nil {
				t.Fatal(err)
			}
			got, err := p.orders()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]Order{o}, got, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
