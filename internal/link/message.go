package link

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// native is the byte order of netlink headers and of their integers.
var native = binary.NativeEndian

// message builds one request at the end of a buffer that may hold others.
type message struct {
	buf   []byte
	start int // where this message begins
}

// begin starts a message whose fixed part, after the netlink header, is body; end
// completes it.
func begin(buf []byte, kind, flags uint16, seq uint32, body []byte) *message {
	m := &message{buf: buf, start: len(buf)}
	m.buf = append(m.buf, make([]byte, unix.NLMSG_HDRLEN)...)
	h := m.buf[m.start:]
	native.PutUint16(h[4:], kind)
	native.PutUint16(h[6:], flags|unix.NLM_F_REQUEST)
	native.PutUint32(h[8:], seq)
	m.buf = append(m.buf, body...)
	return m
}

func (m *message) end() []byte {
	native.PutUint32(m.buf[m.start:], uint32(len(m.buf)-m.start))
	return m.buf
}

// attribute adds an attribute, padded to four bytes.
func (m *message) attribute(kind uint16, value []byte) {
	var h [unix.SizeofRtAttr]byte
	native.PutUint16(h[:], uint16(len(h)+len(value)))
	native.PutUint16(h[2:], kind)
	m.buf = append(m.buf, h[:]...)
	m.buf = append(m.buf, value...)
	for (len(m.buf)-m.start)%unix.RTA_ALIGNTO != 0 {
		m.buf = append(m.buf, 0)
	}
}

// skipStatistics has the kernel leave an interface's statistics out of its answer
// (rtnetlink.h, RTEXT_FILTER_SKIP_STATS).
const skipStatistics = 1 << 3

// linkHeader is the fixed part of a request about an interface (struct ifinfomsg).
func linkHeader() []byte { return make([]byte, unix.SizeofIfInfomsg) }

// addressHeader is the fixed part of a message about an address (struct ifaddrmsg).
func addressHeader(family, bits, flags, scope uint8, index int) []byte {
	b := make([]byte, unix.SizeofIfAddrmsg)
	b[0], b[1], b[2], b[3] = family, bits, flags, scope
	native.PutUint32(b[4:], uint32(index))
	return b
}

func familyOf(a netip.Addr) uint8 {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// appendAdd adds the request that puts an address on an interface.
//
// IPv6: no duplicate address detection, since the address may still be on the router
// that hands it over, and preferred lifetime 0, so that no connection of this host's own
// leaves from it; it is valid forever. IPv4: as `ip address add` without further words,
// that is with the scope of its range, no label, no broadcast address, and the route to
// its prefix.
func appendAdd(buf []byte, seq uint32, index int, p netip.Prefix) []byte {
	a := p.Addr()
	var flags uint8
	if a.Is6() {
		flags = unix.IFA_F_NODAD
	}
	header := addressHeader(familyOf(a), uint8(p.Bits()), flags, scopeOf(a), index)
	m := begin(buf, unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, seq, header)
	m.attribute(unix.IFA_LOCAL, a.AsSlice())
	m.attribute(unix.IFA_ADDRESS, a.AsSlice())
	if a.Is6() {
		var lifetimes [unix.SizeofIfaCacheinfo]byte // preferred, valid, and two times of the kernel's
		native.PutUint32(lifetimes[4:], ^uint32(0))
		m.attribute(unix.IFA_CACHEINFO, lifetimes[:])
	}
	return m.end()
}

// appendRemove adds the request that takes an address, with just this prefix length,
// off an interface.
func appendRemove(buf []byte, seq uint32, index int, p netip.Prefix) []byte {
	a := p.Addr()
	m := begin(buf, unix.RTM_DELADDR, 0, seq, addressHeader(familyOf(a), uint8(p.Bits()), 0, 0, index))
	m.attribute(unix.IFA_LOCAL, a.AsSlice())
	m.attribute(unix.IFA_ADDRESS, a.AsSlice())
	return m.end()
}

// scopeOf is the scope that ip(8) gives to an address. IPv6's is the kernel's to say.
func scopeOf(a netip.Addr) uint8 {
	if a.Is4() && a.IsLoopback() {
		return unix.RT_SCOPE_HOST
	}
	return unix.RT_SCOPE_UNIVERSE
}

// appendGetAddresses adds the request for all addresses of a family of an interface.
func appendGetAddresses(buf []byte, seq uint32, family uint8, index int) []byte {
	return begin(buf, unix.RTM_GETADDR, unix.NLM_F_DUMP, seq, addressHeader(family, 0, 0, 0, index)).end()
}

// appendGetLink adds the request for the interface of a name, without its statistics.
func appendGetLink(buf []byte, seq uint32, name string) []byte {
	m := begin(buf, unix.RTM_GETLINK, 0, seq, linkHeader())
	m.attribute(unix.IFLA_IFNAME, append([]byte(name), 0))
	m.attribute(unix.IFLA_EXT_MASK, native.AppendUint32(nil, skipStatistics))
	return m.end()
}

// header is what a netlink message says of itself.
type header struct {
	kind, flags uint16
	seq, port   uint32
}

// messages calls see for each message of a datagram, and reports whether the datagram
// was whole.
func messages(b []byte, see func(h header, body []byte)) bool {
	for len(b) >= unix.NLMSG_HDRLEN {
		size := int(native.Uint32(b))
		if size < unix.NLMSG_HDRLEN || size > len(b) {
			return false
		}
		h := header{kind: native.Uint16(b[4:]), flags: native.Uint16(b[6:]), seq: native.Uint32(b[8:]), port: native.Uint32(b[12:])}
		see(h, b[unix.NLMSG_HDRLEN:size])
		b = b[min(len(b), align(size)):]
	}
	return len(b) == 0
}

// attributes calls see for each attribute after the fixed part of a message. It stops
// at the first that is cut off.
func attributes(b []byte, see func(kind uint16, value []byte)) {
	for len(b) >= unix.SizeofRtAttr {
		size := int(native.Uint16(b))
		if size < unix.SizeofRtAttr || size > len(b) {
			return
		}
		see(native.Uint16(b[2:])&^(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER), b[unix.SizeofRtAttr:size])
		b = b[min(len(b), align(size)):]
	}
}

// align rounds a length up to four bytes.
func align(n int) int { return (n + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1) }
