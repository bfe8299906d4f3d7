package link

import (
	"bytes"
	"net/netip"

	"golang.org/x/sys/unix"
)

// linkFacts are what one message says of an interface. Its slices are the message's.
type linkFacts struct {
	index    int
	name     []byte
	up       bool
	ethernet bool
	mtu      int    // 0: not said
	hardware []byte // nil: not said
}

// working are the flags of an interface through which something gets out: as the
// operator wants it, as the driver sees its carrier, and as both together have settled.
const working = unix.IFF_UP | unix.IFF_LOWER_UP | unix.IFF_RUNNING

// parseLink reads a message about an interface (struct ifinfomsg and its attributes). It
// reports false for what is not about the interface itself: messages about it as the
// port of a bridge look alike, down to the one that it is deleted.
func parseLink(body []byte) (f linkFacts, ok bool) {
	if len(body) < unix.SizeofIfInfomsg || body[0] != unix.AF_UNSPEC {
		return f, false
	}
	f.index = int(int32(native.Uint32(body[4:])))
	f.ethernet = native.Uint16(body[2:]) == unix.ARPHRD_ETHER
	f.up = native.Uint32(body[8:])&working == working
	attributes(body[unix.SizeofIfInfomsg:], func(kind uint16, v []byte) {
		switch kind {
		case unix.IFLA_IFNAME:
			f.name, _, _ = bytes.Cut(v, []byte{0})
		case unix.IFLA_MTU:
			if len(v) >= 4 {
				f.mtu = int(native.Uint32(v))
			}
		case unix.IFLA_ADDRESS:
			f.hardware = v
		}
	})
	return f, len(f.name) > 0
}

// record is an address as the kernel holds it.
type record struct {
	Address
	peer  netip.Addr // the other end of a point-to-point address; otherwise the address itself
	scope uint8      // the larger, the nearer (rtnetlink.h, RT_SCOPE_*)
}

// subnet is what the kernel compares to find out which addresses belong together.
func (r record) subnet() netip.Prefix {
	return netip.PrefixFrom(r.peer, r.Prefix.Bits()).Masked()
}

// same reports whether two records are of one address: the kernel has an IPv4 address
// once for each prefix, and an IPv6 address once.
func (r record) same(o record) bool {
	if r.Prefix.Addr().Is4() {
		return r.Prefix == o.Prefix && r.subnet() == o.subnet()
	}
	return r.Prefix.Addr() == o.Prefix.Addr()
}

// parseAddress reads a message about an address (struct ifaddrmsg and its attributes).
// It reports false for what is no IP address.
func parseAddress(body []byte) (index int, r record, ok bool) {
	if len(body) < unix.SizeofIfAddrmsg {
		return 0, r, false
	}
	family, bits, flags := body[0], int(body[1]), uint32(body[2])
	r.scope = body[3]
	index = int(int32(native.Uint32(body[4:])))
	var local, address netip.Addr
	attributes(body[unix.SizeofIfAddrmsg:], func(kind uint16, v []byte) {
		switch kind {
		case unix.IFA_LOCAL:
			local = addressOf(family, v)
		case unix.IFA_ADDRESS:
			address = addressOf(family, v)
		case unix.IFA_FLAGS:
			if len(v) >= 4 {
				flags = native.Uint32(v)
			}
		}
	})
	// IPv4 always says both. IPv6 says the address alone, but with a peer, which then is
	// IFA_ADDRESS, as for IPv4.
	if !local.IsValid() {
		local = address
	}
	if r.peer = address; !address.IsValid() {
		r.peer = local
	}
	r.Prefix = netip.PrefixFrom(local, bits)
	r.Secondary = family == unix.AF_INET && flags&unix.IFA_F_SECONDARY != 0
	r.Deprecated = flags&unix.IFA_F_DEPRECATED != 0
	r.Usable = flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) == 0
	return index, r, r.Prefix.IsValid()
}

func addressOf(family uint8, v []byte) netip.Addr {
	switch {
	case family == unix.AF_INET && len(v) == 4:
		return netip.AddrFrom4([4]byte(v))
	case family == unix.AF_INET6 && len(v) == 16:
		return netip.AddrFrom16([16]byte(v))
	default:
		return netip.Addr{}
	}
}
