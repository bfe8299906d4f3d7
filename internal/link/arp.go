package link

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// hardware is an Ethernet address.
type hardware [6]byte

var broadcast = hardware{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// appendEthernet adds the header of an Ethernet frame.
func appendEthernet(b []byte, to, from hardware, protocol uint16) []byte {
	b = append(b, to[:]...)
	b = append(b, from[:]...)
	return binary.BigEndian.AppendUint16(b, protocol)
}

// appendGratuitousARP adds the frame that says, to everyone, that an IPv4 address is at
// the hardware address from. It is an ARP request (RFC 826) by the address for itself,
// as RFC 5227, section 3, explains: no host answers it but one that believes to have
// the address too, and all that know the address change their entry. The hardware
// address that it asks for is not known, hence zero.
func appendGratuitousARP(b []byte, from hardware, a netip.Addr) []byte {
	address := a.As4()
	b = appendEthernet(b, broadcast, from, unix.ETH_P_ARP)
	b = append(b,
		0, 1, // Ethernet
		8, 0, // IPv4
		6, 4, // the lengths of their addresses
		0, 1, // a request
	)
	b = append(b, from[:]...)
	b = append(b, address[:]...)
	b = append(b, 0, 0, 0, 0, 0, 0)
	return append(b, address[:]...)
}
