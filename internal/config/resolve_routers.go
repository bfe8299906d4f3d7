package config

import (
	"net/netip"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

// Bounds of what one host can be told to hold.
const (
	maxRouters = 1024
	maxHeld    = 65_536 // addresses of all routers
)

// routersSeen is what the routers of a file must know of each other and of its virtual
// services.
type routersSeen struct {
	services map[string]ipvs.Key // by name
	unnamed  bool                // a virtual service, or its name, is bad: it could be any
	names    firsts[string]
	vrids    firsts[vridOnLink]
	held     firsts[heldAddress]
	syncs    firsts[bool]
}

// vridOnLink is what tells a router from the others on its link.
type vridOnLink struct {
	link   string
	family ipvs.Family
	vrid   uint8
}

// heldAddress is an address that a router holds. A link-local one can be held once on
// each link.
type heldAddress struct {
	addr netip.Addr
	link string
}

func (r *resolver) routers(list Value[[]Value[RouterKeys]], services []Service) []VirtualRouter {
	if len(list.V) > maxRouters {
		r.errorf(list.at, "has %d routers (want at most %d)", len(list.V), maxRouters)
		return nil
	}
	among := &routersSeen{
		services: make(map[string]ipvs.Key, len(services)), unnamed: r.file.VirtualServices.bad,
		names: firsts[string]{}, vrids: firsts[vridOnLink]{}, held: firsts[heldAddress]{}, syncs: firsts[bool]{},
	}
	for _, s := range services {
		among.services[s.Name] = s.Head.Key
	}
	for _, s := range r.file.VirtualServices.V {
		among.unnamed = among.unnamed || s.bad || s.V.Name.bad
	}
	var all []VirtualRouter
	groups := syncGroups{}
	for _, v := range list.V {
		if v.bad {
			continue
		}
		router := routerResolver{resolver: r, RouterKeys: &v.V, among: among, at: v.at}
		all = append(all, router.resolve())
		router.checkAlone()
		groups.add(&v.V, &all[len(all)-1])
	}
	for _, v := range list.V {
		if !v.bad {
			r.checkFixed(&v.V, among)
		}
	}
	r.warnGroups(groups)
	if len(among.held) > maxHeld {
		r.errorf(list.at, "hold %d addresses in all (want at most %d)", len(among.held), maxHeld)
	}
	return all
}

// checkAlone holds the rules that no other router has this one's name, number or
// addresses.
func (r *routerResolver) checkAlone() {
	if line, again := r.among.names.again(r.Name.V, r.Name.at); again && !r.Name.bad {
		r.errorf(r.Name.at, "is the name of the virtual router in line %d, too (want another)", line)
	}
	if r.known && !r.Interface.bad && !r.VRID.bad {
		id := vridOnLink{r.Interface.V, r.family, r.VRID.V}
		if line, again := r.among.vrids.again(id, r.VRID.at); again {
			r.errorf(r.VRID.at, "is the vrid in line %d, too, of the same interface and family (want another: nobody could tell the two apart)", line)
		}
	}
	for _, list := range [][]Value[netip.Prefix]{r.Addresses.V, r.ExtraAddresses.V} {
		for _, v := range list {
			if v.bad {
				continue
			}
			if line, again := r.among.held.again(r.onLink(v.V.Addr()), v.at); again {
				r.errorf(v.at, "is held already, as line %d says (want each address once)", line)
			}
		}
	}
}

func (k *RouterKeys) onLink(a netip.Addr) heldAddress {
	h := heldAddress{addr: a}
	if a.Is6() && a.IsLinkLocalUnicast() {
		h.link = k.Interface.V
	}
	return h
}

// checkFixed holds the rule that unicast goes between addresses which stay where they
// are. Those that a master holds don't: it would speak to itself.
func (r *resolver) checkFixed(k *RouterKeys, among *routersSeen) {
	if !k.Unicast.Given || k.Unicast.bad {
		return
	}
	u := k.Unicast.V
	for _, v := range append([]Value[netip.Addr]{u.Source}, u.Peers.V...) {
		if held, ok := among.held[k.onLink(v.V)]; ok && v.Given && !v.bad {
			r.errorf(v.at, "is a virtual address, as line %d says (want one that its host always has)", held.line)
		}
	}
}
