package link

import (
	"bytes"
	"net"
	"net/netip"
	"slices"
)

// Interface is a network interface of this host at one time. Its slices are the
// caller's own.
type Interface struct {
	Index int // a new one each time that an interface of this name is made
	Name  string
	// Up means administratively up, with carrier, and not dormant: what is sent leaves.
	Up  bool
	MTU int // bytes
	// Hardware is the interface's own address, 6 bytes on Ethernet. It may be empty.
	Hardware net.HardwareAddr
	// Ethernet is also true of what behaves like it: VLANs, bridges, bonds, veth.
	Ethernet bool
	// Addresses are the IPv4 ones in the kernel's order, so that the first of them is what
	// the kernel takes for the interface's own, and then the IPv6 ones in ascending order,
	// since there kernels differ and it means nothing.
	Addresses []Address
}

// Address is an address of an interface.
type Address struct {
	Prefix netip.Prefix // the address itself with the length of its prefix
	// Secondary means that an IPv4 address of the same prefix was there before.
	Secondary bool
	// Deprecated means that no new connection of this host's own leaves from it, as is
	// always so with IPv6 addresses that [Conn.Add] added.
	Deprecated bool
	// Usable means that duplicate address detection, which is for IPv6 only, is done or not
	// wanted, and found no other owner.
	Usable bool
}

// Equal reports whether two interfaces are alike in everything.
func (i Interface) Equal(o Interface) bool {
	return i.Index == o.Index && i.Name == o.Name && i.Up == o.Up && i.MTU == o.MTU && i.Ethernet == o.Ethernet &&
		bytes.Equal(i.Hardware, o.Hardware) && slices.Equal(i.Addresses, o.Addresses)
}
