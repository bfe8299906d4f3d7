package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// Announcer tells the neighbours on one interface that an address is here now.
type Announcer struct {
	name       string
	index      int
	from       hardware
	silent     bool // no neighbours to tell
	fd         int
	forwarding int // the sysctl that says whether we are a router for IPv6; -1: there is none
	frame      []byte
}

// OpenAnnouncer opens a socket to announce on an interface, from its hardware address.
// One whose index, name or hardware address has changed needs a new announcer. It needs
// CAP_NET_RAW.
//
// An interface that is not Ethernet (lo, a tunnel, InfiniBand) has no neighbours to be
// told in this way: its announcer does nothing.
func OpenAnnouncer(index int, name string, hardware net.HardwareAddr) (*Announcer, error) {
	a := &Announcer{name: name, index: index, fd: -1, forwarding: -1}
	// Protocol 0: it receives nothing.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, a.failed("open a packet socket for", err)
	}
	ethernet, err := bindPacket(fd, index)
	if err != nil {
		unix.Close(fd)
		return nil, a.failed("open a packet socket for", err)
	}
	if !ethernet {
		unix.Close(fd)
		a.silent = true
		return a, nil
	}
	if len(hardware) != len(a.from) {
		unix.Close(fd)
		return nil, fmt.Errorf("announce on %s: its hardware address %q is not one of Ethernet", name, hardware)
	}
	a.fd, a.from = fd, [6]byte(hardware)
	// Kept open, and read at each announcement: an operator may change it. Without IPv6
	// there is no such file.
	a.forwarding, err = unix.Open("/proc/sys/net/ipv6/conf/"+name+"/forwarding", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		a.forwarding = -1
	}
	return a, nil
}

// bindPacket binds a packet socket to an interface, and tells whether it is Ethernet.
func bindPacket(fd, index int) (ethernet bool, err error) {
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: index}); err != nil {
		return false, err
	}
	address, err := unix.Getsockname(fd)
	if err != nil {
		return false, err
	}
	own, ok := address.(*unix.SockaddrLinklayer)
	return ok && own.Hatype == unix.ARPHRD_ETHER, nil
}

// Announce sends one gratuitous ARP request for an IPv4 address, or one unsolicited
// neighbour advertisement for an IPv6 address. It never waits. What is announced while the
// interface has no carrier is lost, without an error.
func (a *Announcer) Announce(addr netip.Addr) error {
	if a.silent {
		return nil
	}
	if a.fd < 0 {
		return a.failed("announce "+addr.String()+" on", os.ErrClosed)
	}
	to, protocol := broadcast, uint16(unix.ETH_P_ARP)
	if addr = addr.Unmap(); addr.Is4() {
		a.frame = appendGratuitousARP(a.frame[:0], a.from, addr)
	} else {
		to, protocol = allNodesMulticast, unix.ETH_P_IPV6
		a.frame = appendNeighbourAdvertisement(a.frame[:0], a.from, addr, a.router())
	}
	destination := &unix.SockaddrLinklayer{Protocol: networkOrder(protocol), Ifindex: a.index, Halen: 6}
	copy(destination.Addr[:], to[:])
	for {
		err := unix.Sendto(a.fd, a.frame, 0, destination)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return a.failed("announce "+addr.String()+" on", err)
		}
	}
}

// router reports whether this host forwards IPv6 from the interface, as keepalived asks it
// too before it sets the router flag.
func (a *Announcer) router() bool {
	if a.forwarding < 0 {
		return false
	}
	var b [1]byte
	n, err := unix.Pread(a.forwarding, b[:], 0)
	return err == nil && n == 1 && b[0] != '0'
}

// Close ends the announcer.
func (a *Announcer) Close() error {
	var err error
	for _, fd := range []*int{&a.fd, &a.forwarding} {
		if *fd >= 0 {
			err = errors.Join(err, os.NewSyscallError("close", unix.Close(*fd)))
			*fd = -1
		}
	}
	return err
}

// failed turns an error into a sentence about the interface, with its remedy.
func (a *Announcer) failed(doing string, err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		err = fmt.Errorf("no permission: run as root, or with CAP_NET_RAW (%w)", err)
	case errors.Is(err, unix.ENETDOWN):
		err = fmt.Errorf("the interface is down: ip link set %s up (%w)", a.name, err)
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		err = fmt.Errorf("there is no such interface any more: it must be looked up anew by its name (%w)", err)
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOBUFS):
		err = fmt.Errorf("the interface's queue is full: it sends less than this host wants to send (%w)", err)
	}
	return fmt.Errorf("%s %s: %w", doing, a.name, err)
}

// networkOrder is how the kernel wants the number of a protocol in an address.
func networkOrder(protocol uint16) uint16 {
	return native.Uint16(binary.BigEndian.AppendUint16(nil, protocol))
}
