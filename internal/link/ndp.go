package link

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// allNodes is everyone on a link, ff02::1, and where Ethernet sends it (RFC 2464,
// section 7).
var (
	allNodes          = netip.MustParseAddr("ff02::1")
	allNodesMulticast = hardware{0x33, 0x33, 0, 0, 0, 1}
)

const (
	neighbourAdvertisement = 136
	routerFlag             = 0x80
	overrideFlag           = 0x20
	targetLinkLayerAddress = 2
)

// appendNeighbourAdvertisement adds the frame that says, to everyone, that an IPv6 address
// is at the hardware address from: an unsolicited neighbour advertisement (RFC 4861,
// sections 4.4 and 7.2.6) by the address itself. It overrides what neighbours know. The
// router flag must be right: to hosts that use this one as a router, an advertisement
// without it says that it has ceased to be one.
func appendNeighbourAdvertisement(b []byte, from hardware, a netip.Addr, router bool) []byte {
	const length = 32 // of the advertisement
	source, everyone := a.As16(), allNodes.As16()
	b = appendEthernet(b, allNodesMulticast, from, unix.ETH_P_IPV6)
	b = append(b, 6<<4, 0, 0, 0, 0, length, unix.IPPROTO_ICMPV6, 255) // the hop limit is 255, or nobody listens
	b = append(b, source[:]...)
	b = append(b, everyone[:]...)

	start := len(b)
	flags := byte(overrideFlag)
	if router {
		flags |= routerFlag
	}
	b = append(b, neighbourAdvertisement, 0, 0, 0, flags, 0, 0, 0)
	b = append(b, source[:]...)
	b = append(b, targetLinkLayerAddress, 1) // its length, in units of 8 bytes
	b = append(b, from[:]...)
	binary.BigEndian.PutUint16(b[start+2:], checksumICMPv6(source, everyone, b[start:]))
	return b
}

// checksumICMPv6 is the checksum of a message whose own checksum is zero, or 0 of one
// whose checksum is right (RFC 4443, section 2.3, and RFC 8200, section 8.1).
func checksumICMPv6(source, destination [16]byte, message []byte) uint16 {
	sum := uint32(len(message)) + unix.IPPROTO_ICMPV6
	for _, part := range [][]byte{source[:], destination[:], message} {
		for ; len(part) > 1; part = part[2:] {
			sum += uint32(binary.BigEndian.Uint16(part))
		}
		if len(part) == 1 {
			sum += uint32(part[0]) << 8
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
