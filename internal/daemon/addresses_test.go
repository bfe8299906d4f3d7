package daemon

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mainstay-lvs/mainstay/internal/config"
	"github.com/mainstay-lvs/mainstay/internal/state"
	"github.com/mainstay-lvs/mainstay/vrrp"
)

// prefixes reads addresses with their lengths.
func prefixes(texts ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, text := range texts {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

func holding(name, on string, addresses ...string) config.VirtualRouter {
	return config.VirtualRouter{Router: vrrp.Router{Name: name, Interface: on, Addresses: prefixes(addresses...)}}
}

// Only what is recorded in this boot and namespace counts as ours where it is found on an
// interface; what is not there yet will be ours.
func TestWhoseAnAddressIs(t *testing.T) {
	here, elsewhere := state.Kernel{BootID: "this", Namespace: 1}, state.Kernel{BootID: "another", Namespace: 1}
	edge := []config.VirtualRouter{holding("edge", "eth0", "192.0.2.100/32", "192.0.2.101/32")}
	for name, c := range map[string]struct {
		recorded          addresses
		present           map[string][]netip.Prefix
		routers           []config.VirtualRouter
		ours, foreign     map[string][]netip.Prefix
		stale             map[string][]netip.Prefix
		inService, noLook bool
	}{
		"nothing there": {
			routers: edge,
			ours:    map[string][]netip.Prefix{"eth0": prefixes("192.0.2.100/32", "192.0.2.101/32")},
		},
		"one was there before us": {
			present: map[string][]netip.Prefix{"eth0": prefixes("192.0.2.11/24", "192.0.2.100/32")},
			routers: edge,
			ours:    map[string][]netip.Prefix{"eth0": prefixes("192.0.2.101/32")},
			foreign: map[string][]netip.Prefix{"edge": prefixes("192.0.2.100/32")},
		},
		"left by an earlier process": {
			recorded: addresses{here, map[string][]netip.Prefix{"eth0": prefixes("192.0.2.100/32")}},
			present:  map[string][]netip.Prefix{"eth0": prefixes("192.0.2.100/32")},
			routers:  edge, inService: true,
			ours: map[string][]netip.Prefix{"eth0": prefixes("192.0.2.100/32", "192.0.2.101/32")},
		},
		"recorded before the host was started anew": {
			recorded: addresses{elsewhere, map[string][]netip.Prefix{"eth0": prefixes("192.0.2.100/32")}},
			present:  map[string][]netip.Prefix{"eth0": prefixes("192.0.2.100/32")},
			routers:  edge,
			ours:     map[string][]netip.Prefix{"eth0": prefixes("192.0.2.101/32")},
			foreign:  map[string][]netip.Prefix{"edge": prefixes("192.0.2.100/32")},
		},
		"no longer in the file, and still there": {
			recorded: addresses{here, map[string][]netip.Prefix{"eth1": prefixes("198.51.100.1/24"), "eth0": prefixes("192.0.2.7/32")}},
			present:  map[string][]netip.Prefix{"eth1": prefixes("198.51.100.1/24")},
			ours:     map[string][]netip.Prefix{"eth1": prefixes("198.51.100.1/24")},
			stale:    map[string][]netip.Prefix{"eth1": prefixes("198.51.100.1/24")},
		},
		"of another length than was recorded it is another's": {
			recorded: addresses{here, map[string][]netip.Prefix{"eth0": prefixes("192.0.2.100/24")}},
			present:  map[string][]netip.Prefix{"eth0": prefixes("192.0.2.100/32")},
			routers:  edge[:1],
			ours:     map[string][]netip.Prefix{"eth0": prefixes("192.0.2.101/32")},
			foreign:  map[string][]netip.Prefix{"edge": prefixes("192.0.2.100/32")},
		},
		"of another length than the file's it answers all the same": {
			present: map[string][]netip.Prefix{"eth0": prefixes("192.0.2.100/24")},
			routers: edge,
			ours:    map[string][]netip.Prefix{"eth0": prefixes("192.0.2.100/32", "192.0.2.101/32")},
			foreign: map[string][]netip.Prefix{"edge": prefixes("192.0.2.100/24")},
		},
		"of another length, and of IPv6, ours can't be added": {
			present: map[string][]netip.Prefix{"eth0": prefixes("2001:db8::100/64")},
			routers: []config.VirtualRouter{holding("six", "eth0", "2001:db8::100/128")},
			foreign: map[string][]netip.Prefix{"six": prefixes("2001:db8::100/64")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			on := func(name string) ([]netip.Prefix, error) { return c.present[name], nil }
			ours, foreign, err := c.recorded.claim(here, c.routers, on)
			if err != nil || ours.Kernel != here {
				t.Fatalf("%v, of %+v", err, ours.Kernel)
			}
			opts := cmp.Options{cmpopts.EquateComparable(netip.Prefix{}), cmpopts.EquateEmpty()}
			if diff := cmp.Diff(c.ours, ours.Ours, opts); diff != "" {
				t.Errorf("ours (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.foreign, foreign, opts); diff != "" {
				t.Errorf("foreign (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.stale, ours.stale(c.routers), opts); diff != "" {
				t.Errorf("stale (-want +got):\n%s", diff)
			}
			if got := ours.holds(c.routers, on); got != c.inService {
				t.Errorf("in service %v, want %v", got, c.inService)
			}
		})
	}
}

func TestAnInterfaceThatCanNotBeAsked(t *testing.T) {
	wrong := errors.New("no")
	_, _, err := addresses{}.claim(state.Kernel{}, []config.VirtualRouter{holding("edge", "eth0", "192.0.2.100/32")},
		func(string) ([]netip.Prefix, error) { return nil, wrong })
	if !errors.Is(err, wrong) {
		t.Error(err)
	}
}
