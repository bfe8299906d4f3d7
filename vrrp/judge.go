package vrrp

import (
	"net/netip"
	"slices"
	"strings"
)

// Judge says whether an advertisement is one for the router r on this host, whose own
// address is own (the zero Addr where it is not known). The packet is whole only where
// the verdict is [Accepted].
//
// It asks what RFC 9568, section 7.1, and RFC 3768, section 7.1, ask, as keepalived
// does: the TTL is judged for multicast only, since unicast may be routed; version 2
// must have our own interval, version 3 need not; and the addresses in the message may
// be others than ours. Beyond them it wants a unicast source to be one of the peers.
// One rule of theirs is left out, that the owner of the addresses hears nobody: it
// must hear, when it leaves, that another has taken over.
func Judge(r Router, own netip.Addr, d Datagram) (Packet, Verdict) {
	var p Packet
	v := p.judge(&r, own, d)
	return p, v
}

// judge is Judge into a packet whose list of addresses is used again.
func (p *Packet) judge(r *Router, own netip.Addr, d Datagram) Verdict {
	if v := judgeDatagram(r, own, d); v != Accepted {
		return v
	}
	if len(d.Payload) >= headerSize {
		// Before the rest: version 2 over IPv6, which there is not, but which keepalived can
		// be told to send, is called what its operator can mend.
		if v := Version(d.Payload[0] >> 4); v != r.Version && (v == V2 || v == V3) {
			return VersionMismatch
		}
	}
	if v := p.decode(d.Payload, d.Source, d.Destination); v != Accepted {
		return v
	}
	if r.Version != V2 {
		return Accepted
	}
	switch {
	case p.AuthType != r.authType():
		return WrongAuthType
	case p.Auth != r.auth():
		return WrongAuthPass
	case p.Interval != r.AdvertInterval:
		return IntervalMismatch
	}
	return Accepted
}

// judgeDatagram judges all but the message.
func judgeDatagram(r *Router, own netip.Addr, d Datagram) Verdict {
	if vrid, ok := PeekVRID(d.Payload); ok && vrid != r.VRID {
		return WrongVRID
	}
	group := GroupIPv4
	if r.IPv6() {
		group = GroupIPv6
	}
	switch {
	case d.Source.Is4() == r.IPv6() || d.Destination.Is4() == r.IPv6():
		return WrongFamily
	case own.IsValid() && d.Source == own.WithZone(""):
		return OwnAddress
	case r.Unicast != nil && d.Destination.IsMulticast():
		return GroupHeard
	case r.Unicast == nil && d.Destination != group:
		return UnicastHeard
	case r.Unicast == nil && d.TTL != 255:
		return WrongTTL
	case r.Unicast != nil && !r.Unicast.hasPeer(d.Source):
		return UnknownPeer
	}
	return Accepted
}

func (u *Unicast) hasPeer(a netip.Addr) bool {
	return slices.ContainsFunc(u.Peers, func(p netip.Addr) bool { return p.WithZone("") == a })
}

// authType is what the router's advertisements have and want.
func (r *Router) authType() AuthType {
	if r.Version == V2 && r.AuthPass != "" {
		return AuthSimple
	}
	return AuthNone
}

// auth is the password as it is in a message: 8 bytes of it at most, and without
// zeros at its end.
func (r *Router) auth() string {
	if r.authType() == AuthNone {
		return ""
	}
	return strings.TrimRight(r.AuthPass[:min(len(r.AuthPass), authSize)], "\x00")
}

// sameAddresses tells whether an advertisement names the router's addresses, in
// whatever order.
func (p *Packet) sameAddresses(ours []netip.Addr) bool {
	if slices.Equal(p.Addresses, ours) {
		return true
	}
	if len(p.Addresses) != len(ours) {
		return false
	}
	for _, a := range ours {
		if !slices.Contains(p.Addresses, a) {
			return false
		}
	}
	return true
}
