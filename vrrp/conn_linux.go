package vrrp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ReceiveSize is the size of a buffer for [Conn.Receive] that holds the longest
// advertisement, with the longest header before it, and one byte more: of what is
// longer still, enough is left for its length to be wrong.
const ReceiveSize = 60 + headerSize + MaxAddresses*16 + authSize + 1

// trafficClass is internetwork control, CS6: the network shall not drop these first.
const trafficClass = 0xc0

// Conn is a raw socket for IP protocol 112 on one interface, for one family. One
// serves all routers of them, multicast and unicast: [PeekVRID] finds the router that
// a datagram is for.
//
// It follows its interface down and up again. One that was taken away and made anew,
// or that lost IPv6 altogether for a while, wants a new Conn.
//
// Nothing waits here: the owner polls [Conn.FD], reads until Receive has no more, and
// bounds how many it reads at a time. What it doesn't read the kernel drops, once the
// socket's buffer of fixed size is full. A Conn is not safe for concurrent use.
type Conn struct {
	fd      int
	name    string
	index   int
	ipv6    bool
	control []byte // for receiving, IPv6
	// For sending: where to, and as whom.
	to4      unix.SockaddrInet4
	to6      unix.SockaddrInet6
	pktinfo4 []byte
	pktinfo6 []byte
}

// Listen opens a socket on the interface of that index, whose name is for errors only.
// It has joined the group 224.0.0.18 or ff02::12, does not hear itself, and sends with
// a TTL or hop limit of 255. The interface may be down.
//
// Errors wrap [ErrNotPermitted] or [ErrNoInterface] where it is one of these.
func Listen(ifindex int, ifname string, ipv6 bool) (*Conn, error) {
	family := unix.AF_INET
	if ipv6 {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, Protocol)
	if err != nil {
		return nil, fmt.Errorf("open a raw socket of protocol %d on %s: %w", Protocol, ifname, explainListen(err))
	}
	c := &Conn{fd: fd, name: ifname, index: ifindex, ipv6: ipv6}
	set := c.setIPv4
	if ipv6 {
		set = c.setIPv6
	}
	if err := set(); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return c, nil
}

// setIPv4 sets the socket's options.
func (c *Conn) setIPv4() error {
	member := &unix.IPMreqn{Multiaddr: GroupIPv4.As4(), Ifindex: int32(c.index)}
	c.pktinfo4 = controlMessage(unix.IPPROTO_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo)
	return c.each([]option{
		{"bind it to the interface", func() error {
			return unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, c.index)
		}},
		// Hears only groups that it has joined itself, not all that the host has.
		c.number("hear no other group", unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0),
		{"join 224.0.0.18", func() error {
			return unix.SetsockoptIPMreqn(c.fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, member)
		}},
		{"send multicast on the interface", func() error {
			return unix.SetsockoptIPMreqn(c.fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(c.index)})
		}},
		c.number("not hear itself", unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 0),
		c.number("set the TTL", unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, 255),
		c.number("set the TTL", unix.IPPROTO_IP, unix.IP_TTL, 255),
		c.number("set the type of service", unix.IPPROTO_IP, unix.IP_TOS, trafficClass),
	})
}

// setIPv6 sets the socket's options. IPV6_CHECKSUM is not among them: the kernel would
// drop a wrong checksum without a word, and here it is a verdict that is counted.
func (c *Conn) setIPv6() error {
	member := &unix.IPv6Mreq{Multiaddr: GroupIPv6.As16(), Interface: uint32(c.index)}
	c.pktinfo6 = controlMessage(unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo)
	c.control = make([]byte, unix.CmsgSpace(unix.SizeofInet6Pktinfo)+unix.CmsgSpace(4))
	return c.each([]option{
		{"bind it to the interface", func() error {
			return unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, c.index)
		}},
		c.number("hear no other group", unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_ALL, 0),
		{"join ff02::12", func() error {
			err := unix.SetsockoptIPv6Mreq(c.fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, member)
			if errors.Is(err, unix.EINVAL) {
				return errors.New("it has no IPv6: see its sysctl disable_ipv6, and its MTU, which must be 1280 at least")
			}
			return err
		}},
		c.number("send multicast on the interface", unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, c.index),
		c.number("not hear itself", unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_LOOP, 0),
		c.number("set the hop limit", unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 255),
		c.number("set the hop limit", unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, 255),
		c.number("set the traffic class", unix.IPPROTO_IPV6, unix.IPV6_TCLASS, trafficClass),
		c.number("learn destinations", unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1),
		c.number("learn hop limits", unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1),
	})
}

// option is one thing to set, and what for.
type option struct {
	what string
	set  func() error
}

func (c *Conn) number(what string, level, name, value int) option {
	return option{what, func() error { return unix.SetsockoptInt(c.fd, level, name, value) }}
}

func (c *Conn) each(options []option) error {
	for _, o := range options {
		if err := o.set(); err != nil {
			return fmt.Errorf("a raw socket on %s: %s: %w", c.name, o.what, explainListen(err))
		}
	}
	return nil
}

// FD returns the descriptor, to be polled for reading. It is non-blocking, and closed
// on exec.
func (c *Conn) FD() int { return c.fd }

// Receive reads one datagram into buf, which should be of [ReceiveSize]. ok is false
// where there is none now, or what there was is no datagram of IP.
func (c *Conn) Receive(buf []byte) (d Datagram, ok bool, err error) {
	if c.ipv6 {
		d, ok, err = c.receiveIPv6(buf)
	} else {
		d, ok, err = c.receiveIPv4(buf)
	}
	if err != nil {
		if errors.Is(err, unix.EAGAIN) {
			return Datagram{}, false, nil
		}
		return Datagram{}, false, fmt.Errorf("receive on %s: %w", c.name, explainInterface(err))
	}
	return d, ok, nil
}

// receiveIPv4 reads a datagram with its header, as raw sockets of IPv4 hand it over.
func (c *Conn) receiveIPv4(buf []byte) (Datagram, bool, error) {
	n, err := retry(func() (int, error) { return unix.Read(c.fd, buf) })
	if err != nil {
		return Datagram{}, false, err
	}
	d, ok := datagramIPv4(buf[:n])
	return d, ok, nil
}

// datagramIPv4 takes a datagram's header off (RFC 791).
func datagramIPv4(b []byte) (Datagram, bool) {
	if len(b) < 20 || b[0]>>4 != 4 {
		return Datagram{}, false
	}
	header := int(b[0]&0x0f) * 4
	if header < 20 || header > len(b) {
		return Datagram{}, false
	}
	return Datagram{
		Source:      netip.AddrFrom4([4]byte(b[12:16])),
		Destination: netip.AddrFrom4([4]byte(b[16:20])),
		TTL:         b[8],
		Payload:     b[header:],
	}, true
}

// receiveIPv6 reads a payload; what of its header is wanted comes as control messages.
func (c *Conn) receiveIPv6(buf []byte) (Datagram, bool, error) {
	var control int
	var from unix.Sockaddr
	n, err := retry(func() (n int, err error) {
		n, control, _, from, err = unix.Recvmsg(c.fd, buf, c.control, 0)
		return n, err
	})
	if err != nil {
		return Datagram{}, false, err
	}
	source, isIPv6 := from.(*unix.SockaddrInet6)
	if !isIPv6 {
		return Datagram{}, false, nil
	}
	d := Datagram{Source: netip.AddrFrom16(source.Addr), Payload: buf[:n]}
	for rest := c.control[:control]; len(rest) > 0; {
		header, data, remainder, err := unix.ParseOneSocketControlMessage(rest)
		if err != nil {
			return Datagram{}, false, nil
		}
		rest = remainder
		switch {
		case header.Level != unix.IPPROTO_IPV6:
		case header.Type == unix.IPV6_PKTINFO && len(data) >= 16:
			d.Destination = netip.AddrFrom16([16]byte(data[:16]))
		case header.Type == unix.IPV6_HOPLIMIT && len(data) >= 4:
			d.TTL = uint8(binary.NativeEndian.Uint32(data))
		}
	}
	return d, d.Destination.IsValid(), nil
}

// Send sends a payload from src, which must be an address of this host, to dst. The
// errors wrap [ErrNoInterface], [ErrUnreachable] or [ErrFirewall] where it is one of
// these.
func (c *Conn) Send(payload []byte, src, dst netip.Addr) error {
	if src.Is4() == c.ipv6 || dst.Is4() == c.ipv6 {
		return fmt.Errorf("send on %s from %v to %v: one of them is not of the socket's family", c.name, src, dst)
	}
	var control []byte
	var to unix.Sockaddr
	if c.ipv6 {
		// struct in6_pktinfo: the source, then the interface.
		info := controlData(c.pktinfo6)
		a := src.As16()
		copy(info, a[:])
		binary.NativeEndian.PutUint32(info[16:], uint32(c.index))
		c.to6 = unix.SockaddrInet6{Addr: dst.As16(), ZoneId: uint32(c.index)}
		control, to = c.pktinfo6, &c.to6
	} else {
		// struct in_pktinfo: the interface, the source, and a field for receiving only.
		info := controlData(c.pktinfo4)
		binary.NativeEndian.PutUint32(info, uint32(c.index))
		a := src.As4()
		copy(info[4:], a[:])
		c.to4 = unix.SockaddrInet4{Addr: dst.As4()}
		control, to = c.pktinfo4, &c.to4
	}
	_, err := retry(func() (int, error) { return unix.SendmsgN(c.fd, payload, control, to, 0) })
	if err != nil {
		return fmt.Errorf("send on %s from %v to %v: %w", c.name, src, dst, explainSend(err))
	}
	return nil
}

// Close closes the socket.
func (c *Conn) Close() error {
	if err := unix.Close(c.fd); err != nil {
		return fmt.Errorf("close the raw socket on %s: %w", c.name, err)
	}
	return nil
}

// controlMessage is a control message with size bytes of data, zero.
func controlMessage(level, kind int32, size int) []byte {
	b := make([]byte, unix.CmsgSpace(size))
	header := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	header.Level, header.Type = level, kind
	header.SetLen(unix.CmsgLen(size))
	return b
}

// controlData is the data of a control message.
func controlData(b []byte) []byte { return b[unix.CmsgLen(0):] }

// retry calls again what a signal interrupted.
func retry(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
