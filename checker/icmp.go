package checker

import (
	"context"
	"encoding/binary"
	"net/netip"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// icmpFamily is what differs between ICMP and ICMPv6.
type icmpFamily struct {
	protocol               int
	echoRequest, echoReply byte
	ipHeader               bool // raw sockets get packets with the header of IP
	complaints             map[icmpError]string
	unreachable, exceeded  byte      // types of errors
	tooBig                 icmpError // the packet does not fit, and the next will be cut to
}

// icmpError is the type and code of an ICMP error.
type icmpError struct{ kind, code byte }

const forbidden = "forbidden on the way to the target"

var icmp4 = icmpFamily{
	protocol: unix.IPPROTO_ICMP, echoRequest: 8, echoReply: 0, ipHeader: true,
	unreachable: 3, exceeded: 11, tooBig: icmpError{3, 4},
	complaints: map[icmpError]string{ // RFC 792; RFC 1122, section 3.2.2.1; RFC 1812, section 5.2.7.1
		{3, 0}: "network unreachable", {3, 1}: "host unreachable", {3, 2}: "protocol unreachable",
		{3, 9}: forbidden, {3, 10}: forbidden, {3, 13}: forbidden,
	},
}

var icmp6 = icmpFamily{
	protocol: unix.IPPROTO_ICMPV6, echoRequest: 128, echoReply: 129,
	unreachable: 1, exceeded: 3, tooBig: icmpError{2, 0},
	complaints: map[icmpError]string{ // RFC 4443, section 3
		{1, 0}: "network unreachable", {1, 1}: forbidden, {1, 3}: "host unreachable", {1, 5}: forbidden,
	},
}

// body is the ICMP message in what a socket received.
func (f *icmpFamily) body(packet []byte, raw bool) []byte {
	if !raw || !f.ipHeader || len(packet) == 0 {
		return packet
	}
	return packet[min(4*int(packet[0]&0xf), len(packet)):]
}

// says is what an ICMP error means; empty where it does not mean that a packet is lost
// for good.
func (f *icmpFamily) says(e icmpError) string {
	if text := f.complaints[e]; text != "" {
		return text
	}
	switch {
	case e == f.tooBig:
	case e.kind == f.unreachable:
		return "target unreachable"
	case e.kind == f.exceeded:
		return "too many hops on the way to the target"
	}
	return ""
}

// dialICMP opens a socket for one echo request. A socket for pings needs no privilege
// where the sysctl net.ipv4.ping_group_range lets this process's group have one, and
// gets nothing but its own replies; any other is raw.
func dialICMP(ctx context.Context, target netip.AddrPort, e *echo) (c *conn, raw bool, err error) {
	const flags = unix.SOCK_NONBLOCK | unix.SOCK_CLOEXEC
	c, err = datagramSocket(ctx, target, func(domain int) (int, error) {
		fd, err := unix.Socket(domain, unix.SOCK_DGRAM|flags, e.family.protocol)
		if err != unix.EACCES && err != unix.EPROTONOSUPPORT {
			return fd, ours(err)
		}
		raw = true
		fd, err = unix.Socket(domain, unix.SOCK_RAW|flags, e.family.protocol)
		if err == unix.EPERM || err == unix.EACCES {
			err = &localError{"this daemon may not send pings: give it CAP_NET_RAW, or let its group do so with the sysctl net.ipv4.ping_group_range"}
		}
		if err != nil {
			return -1, err
		}
		if err := e.filter(fd); err != nil {
			unix.Close(fd)
			return -1, err
		}
		return fd, nil
	})
	return c, raw, err
}

// filter has a raw socket take nothing but the reply. Each raw socket of a host is
// shown each reply that comes: without a filter a thousand pings at a time would wake
// each other a million times.
func (e *echo) filter(fd int) error {
	var program []bpf.Instruction
	load := func(offset uint32, size int) bpf.Instruction { return bpf.LoadAbsolute{Off: offset, Size: size} }
	if e.family.ipHeader {
		program = append(program, bpf.LoadMemShift{Off: 0}) // the length of IP's header
		load = func(offset uint32, size int) bpf.Instruction { return bpf.LoadIndirect{Off: offset, Size: size} }
	}
	program = append(program,
		load(echoType, 1),
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(e.family.echoReply), SkipTrue: 3},
		load(echoID, 4), // and the sequence number
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: binary.BigEndian.Uint32(e.request[echoID:]), SkipTrue: 1},
		bpf.RetConstant{Val: 1 << 16},
		bpf.RetConstant{Val: 0},
	)
	assembled, err := bpf.Assemble(program)
	if err != nil {
		return err
	}
	filter := make([]unix.SockFilter, len(assembled))
	for i, in := range assembled {
		filter[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
}

// complaint reads the ICMP errors that wait at a socket, and says what the first means
// that is about the request.
func (c *conn) complaint(e *echo) (what string, about bool) {
	quoted, control := make([]byte, 256), make([]byte, 256)
	for range maxStrays {
		n, controls, _, _, err := unix.Recvmsg(c.fd, quoted, control, unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return "", false
		}
		found, by, ok := icmpErrorOf(control[:controls])
		if !ok || !e.isCause(quoted[:n]) {
			continue
		}
		if what = e.family.says(found); what == "" {
			continue
		}
		if by.IsValid() && by != c.target.Addr().Unmap().WithZone("") {
			what += ", says " + by.String()
		}
		return what, true
	}
	return "", false
}

// icmpErrorOf reads the error, and who sent it, out of a control message of IP_RECVERR
// or IPV6_RECVERR.
func icmpErrorOf(control []byte) (e icmpError, by netip.Addr, ok bool) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return e, by, false
	}
	for _, m := range messages {
		const header = 16 // struct sock_extended_err
		ip4 := m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_RECVERR
		ip6 := m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_RECVERR
		if !ip4 && !ip6 || len(m.Data) < header {
			continue
		}
		const origin, kind, code = 4, 5, 6 // after the errno
		if o := m.Data[origin]; o != unix.SO_EE_ORIGIN_ICMP && o != unix.SO_EE_ORIGIN_ICMP6 {
			continue
		}
		offender := m.Data[header:] // a sockaddr: family, port, and of IPv6 the flow, before the address
		switch {
		case ip4 && len(offender) >= 8:
			by = netip.AddrFrom4([4]byte(offender[4:8]))
		case ip6 && len(offender) >= 24:
			by = netip.AddrFrom16([16]byte(offender[8:24]))
		}
		return icmpError{m.Data[kind], m.Data[code]}, by, true
	}
	return e, by, false
}
