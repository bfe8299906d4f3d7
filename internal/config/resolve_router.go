package config

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/mainstay-lvs/mainstay/ipvs"
	"github.com/mainstay-lvs/mainstay/vrrp"
)

// routerResolver resolves one virtual router.
type routerResolver struct {
	*resolver
	*RouterKeys
	among *routersSeen
	at    place

	family ipvs.Family
	known  bool // family is right
}

func (r *routerResolver) resolve() VirtualRouter {
	r.family, r.known = r.identify()
	out := VirtualRouter{
		Router: vrrp.Router{
			Name:           r.Name.V,
			Interface:      r.Interface.V,
			VRID:           r.VRID.V,
			Version:        r.Version.V,
			Priority:       r.Priority.V,
			AdvertInterval: r.AdvertInterval.V,
			Preempt:        r.Preempt.V,
			PreemptDelay:   r.PreemptDelay.V,
			Unicast:        r.unicast(),
			Addresses:      given(r.Addresses),
			ExtraAddresses: given(r.ExtraAddresses),
			SyncGroup:      r.SyncGroup.V,
			Checksum:       r.Checksum.V,
			AuthPass:       r.authPass(),
		},
		ConnectionSync: r.connectionSync(),
	}
	r.track(&out)
	r.checkAddresses()
	r.checkVersion()
	r.checkInterval()
	r.checkPreempt()
	return out
}

// given are the values of a list that are not bad.
func given[V any](list Value[[]Value[V]]) []V {
	var all []V
	for _, v := range list.V {
		if !v.bad {
			all = append(all, v.V)
		}
	}
	return all
}

// identify works out the router's family, which is that of its first address.
func (r *routerResolver) identify() (family ipvs.Family, known bool) {
	if len(r.Addresses.V) == 0 || r.Addresses.V[0].bad {
		return 0, false
	}
	return ipvs.FamilyOf(r.Addresses.V[0].V.Addr()), true
}

// largestAdvert is the size in bytes of the largest advertisement, its IP header
// included: Ethernet's, whatever the interface could do, since all hosts must take it.
const largestAdvert = 1500

// mostAddresses is how many addresses fit into one advertisement. They are counted in
// one byte, and of IPv6 less of them fit into a datagram (RFC 9568, section 5).
func mostAddresses(family ipvs.Family) int {
	if family == ipvs.IPv6 {
		return (largestAdvert - 40 - 8) / 16
	}
	return vrrp.MaxAddresses // 1056 bytes in version 2, which has 8 behind them
}

// checkAddresses holds the rules for the addresses of this router.
func (r *routerResolver) checkAddresses() {
	if list := r.Addresses; list.Given && !list.bad && len(list.V) == 0 {
		r.errorf(list.at, "is an empty list (want at least one address)")
	}
	if !r.known {
		return
	}
	if n, most := len(r.Addresses.V), mostAddresses(r.family); n > most {
		r.errorf(r.Addresses.at, "has %d addresses, and an advertisement holds %d of %s (want the others in extra_addresses)", n, most, r.family)
	}
	for _, v := range r.Addresses.V {
		if family := ipvs.FamilyOf(v.V.Addr()); !v.bad && family != r.family {
			r.errorf(v.at, "is %s, and the first address %s (want it in extra_addresses, or in a router of its own)", family, r.family)
		}
	}
	if first := r.Addresses.V[0]; r.family == ipvs.IPv6 && !first.V.Addr().IsLinkLocalUnicast() {
		r.warnf(first.at, "is the first address and not link-local, as RFC 9568 wants it (want one such as fe80::%x/64 before it)", r.VRID.V)
	}
}

// checkVersion holds the rules for what only one of the versions has.
func (r *routerResolver) checkVersion() {
	if r.Version.bad {
		return
	}
	if r.known && r.family == ipvs.IPv6 && r.Version.V == vrrp.V2 {
		r.errorf(r.Version.at, "is 2, which has no IPv6, and the addresses are of it (want 3)")
	}
	if r.Checksum.Given && !r.Checksum.bad && r.known && (r.family == ipvs.IPv6 || r.Version.V == vrrp.V2) {
		r.errorf(r.Checksum.at, "is for version 3 over IPv4: elsewhere there is one checksum (want it left out)")
	}
	if r.AuthPassFile.Given && !r.AuthPassFile.bad && r.Version.V == vrrp.V3 {
		r.errorf(r.AuthPassFile.at, "is for version 2: version 3 has no authentication (want version: 2, or this left out)")
	}
}

// The longest intervals that an advertisement can tell (RFC 3768, section 5.3.7; RFC
// 9568, section 5.2.7).
const (
	maxIntervalV2 = 255 * time.Second
	maxIntervalV3 = 4095 * 10 * time.Millisecond
)

// checkInterval holds the rules for what an advertisement can tell of its interval.
func (r *routerResolver) checkInterval() {
	every := r.AdvertInterval
	switch {
	case every.bad || r.Version.bad:
	case r.Version.V == vrrp.V2 && (every.V%time.Second != 0 || every.V == 0 || every.V > maxIntervalV2):
		r.errorf(every.at, "is %s (want whole seconds, 1s to 255s; or version: 3, which takes hundredths of a second)", short(every.V))
	case r.Version.V == vrrp.V3 && (every.V%(10*time.Millisecond) != 0 || every.V > maxIntervalV3):
		r.errorf(every.at, "is %s (want whole hundredths of a second, 10ms to 40.95s)", short(every.V))
	}
}

// checkPreempt warns where the keys of preemption have no effect.
func (r *routerResolver) checkPreempt() {
	owner := r.Priority.V == vrrp.OwnerPriority
	switch {
	case r.Preempt.V || r.Preempt.bad:
	case owner:
		r.warnf(r.Preempt.at, "has no effect at priority 255: the owner of the addresses always preempts (want it left out, or another priority)")
	case r.PreemptDelay.Given && !r.PreemptDelay.bad:
		r.warnf(r.PreemptDelay.at, "has no effect with preempt: false (want it left out)")
	}
}

// maxPass is the length of the longest password of version 2, in bytes (RFC 2338,
// section 5.3.10).
const maxPass = 8

// authPass reads the password.
func (r *routerResolver) authPass() string {
	path := r.AuthPassFile
	if !path.Given || path.bad {
		return ""
	}
	pass, ok := r.readSealed(path, maxSecret)
	switch {
	case !ok:
	case len(pass) < 1 || len(pass) > maxPass:
		r.errorf(path.at, "%s holds a password of %d bytes (want 1 to %d: an advertisement holds no more)", path.V, len(pass), maxPass)
	case bytes.IndexByte(pass, 0) >= 0:
		r.errorf(path.at, "%s holds a zero byte (want none: a password ends there)", path.V)
	}
	return string(pass)
}

// maxPeers bounds the hosts that one advertisement is sent to.
const maxPeers = 64

// unicast resolves between which addresses advertisements go.
func (r *routerResolver) unicast() *vrrp.Unicast {
	if !r.Unicast.Given || r.Unicast.bad {
		return nil
	}
	source, peers := r.Unicast.V.Source, r.Unicast.V.Peers
	if n := len(peers.V); peers.Given && !peers.bad && (n == 0 || n > maxPeers) {
		r.errorf(peers.at, "has %d peers (want 1 to %d)", n, maxPeers)
	}
	r.checkUnicastFamily(source)
	seen := firsts[netip.Addr]{}
	for _, v := range peers.V {
		if v.bad {
			continue
		}
		r.checkUnicastFamily(v)
		if !source.bad && v.V == source.V {
			r.errorf(v.at, "is the source itself (want the other hosts' addresses)")
		} else if line, again := seen.again(v.V, v.at); again {
			r.errorf(v.at, "is the same peer as in line %d (want each once)", line)
		}
	}
	return &vrrp.Unicast{Source: source.V, Peers: given(peers)}
}

func (r *routerResolver) checkUnicastFamily(v Value[netip.Addr]) {
	if v.bad || !v.Given || !r.known {
		return
	}
	if family := ipvs.FamilyOf(v.V); family != r.family {
		r.errorf(v.at, "is %s, and the router's addresses are %s (want an address of their family)", family, r.family)
	}
}

// connectionSync resolves what the kernel's sync daemon is told.
func (r *routerResolver) connectionSync() *ConnectionSync {
	sync := r.ConnectionSync
	if !sync.Given || sync.bad {
		return nil
	}
	out := &ConnectionSync{Interface: sync.V.Interface.V, ID: sync.V.ID.V}
	if !sync.V.ID.Given {
		out.ID = r.VRID.V
	}
	if line, again := r.among.syncs.again(true, sync.at); again {
		r.errorf(sync.at, "another router has it, too, in line %d, and the kernel has one sync daemon (want it for one router)", line)
	}
	if r.mixed.line != 0 {
		r.errorf(sync.at, "the kernel does not sync connections where a real server is of another family than its service, as in line %d (want servers of the service's family, or no connection_sync)",
			r.mixed.line)
	}
	if services := r.file.VirtualServices; !services.bad && len(services.V) == 0 {
		r.warnf(sync.at, "the file has no virtual services, so there are no connections to sync (want it left out)")
	}
	return out
}
