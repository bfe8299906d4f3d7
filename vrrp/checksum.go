package vrrp

import (
	"encoding/binary"
	"net/netip"
)

// Protocol is the number of VRRP among the protocols of IP.
const Protocol = 112

// sum16 adds the 16-bit words of b to the one's complement sum acc, which is not
// folded. An odd last byte counts as if a zero followed. 64 bits hold the sum of any
// number of words that memory can hold.
func sum16(acc uint64, b []byte) uint64 {
	for len(b) >= 2 {
		acc += uint64(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		acc += uint64(b[0]) << 8
	}
	return acc
}

// fold makes an Internet checksum (RFC 1071) of a sum: its one's complement.
func fold(acc uint64) uint16 {
	for acc > 0xffff {
		acc = acc>>16 + acc&0xffff
	}
	return ^uint16(acc)
}

// pseudoHeader is the sum of the pseudo-header of a payload of length bytes. IPv4's
// and IPv6's (RFC 8200, section 8.1) add up alike: both addresses, the protocol and
// the length.
func pseudoHeader(src, dst netip.Addr, length int) uint64 {
	return sumAddr(src) + sumAddr(dst) + Protocol + uint64(length)>>16 + uint64(length)&0xffff
}

func sumAddr(a netip.Addr) uint64 {
	if a.Is4() {
		b := a.As4()
		return sum16(0, b[:])
	}
	b := a.As16()
	return sum16(0, b[:])
}
