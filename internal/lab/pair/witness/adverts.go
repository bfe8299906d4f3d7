package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// vrrpProtocol is VRRP's number among the protocols of IP.
const vrrpProtocol = 112

// onlyVRRP lets packets of the protocol pass, which begin with their IP header, and no
// others: the host's pings need not wake this program.
var onlyVRRP = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 0},
	{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 0xf0},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 0x40, Jf: 2},
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 9}, // IPv4: protocol
	{Code: unix.BPF_JMP | unix.BPF_JA, K: 2},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 0x60, Jf: 3},
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 6}, // IPv6: next header
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: vrrpProtocol, Jf: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: 2048},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},
}

// watchAdverts prints each advertisement that enters at an interface, without end.
func watchAdverts(out io.Writer) error {
	fd, err := packetSocket()
	if err != nil {
		return fmt.Errorf("listen for advertisements: %w", err)
	}
	defer unix.Close(fd)
	fmt.Fprintln(out, "ready")
	names := make(map[int]string) // of interfaces, by index
	packet, control := make([]byte, 2048), make([]byte, 256)
	for {
		n, nc, _, from, err := unix.Recvmsg(fd, packet, control, 0)
		if err == unix.EINTR || err == unix.ENETDOWN {
			continue
		}
		if err != nil {
			return fmt.Errorf("listen for advertisements: %w", err)
		}
		link, ok := from.(*unix.SockaddrLinklayer)
		if !ok || link.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		a, ok := parseAdvert(packet[:n])
		if !ok {
			continue
		}
		if names[link.Ifindex] == "" {
			names[link.Ifindex] = nameOf(fd, link.Ifindex)
		}
		fmt.Fprintf(out, "%d advert %s %s\n", arrival(control[:nc]), names[link.Ifindex], a)
	}
}

// packetSocket sees every packet of every interface, and when it came.
func packetSocket() (int, error) {
	all := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))
	// No protocol yet: nothing arrives before the filter is in place.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	program := unix.SockFprog{Len: uint16(len(onlyVRRP)), Filter: &onlyVRRP[0]}
	for _, set := range []func() error{
		func() error { return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program) },
		func() error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) },
		func() error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 1<<20) },
		func() error { return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all}) },
	} {
		if err := set(); err != nil {
			_ = unix.Close(fd)
			return 0, err
		}
	}
	return fd, nil
}

// nameOf is an interface's name, a number where it is gone.
func nameOf(fd, index int) string {
	req := struct {
		name  [unix.IFNAMSIZ]byte
		index int32
		_     [20]byte
	}{index: int32(index)}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCGIFNAME, uintptr(unsafe.Pointer(&req))); errno != 0 {
		return fmt.Sprint(index)
	}
	return unix.ByteSliceToString(req.name[:])
}

// arrival is the kernel's time of a packet, in Unix nanoseconds; now, where it gave none.
func arrival(control []byte) int64 {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return time.Now().UnixNano()
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
			seconds, nanoseconds := binary.NativeEndian.Uint64(m.Data), binary.NativeEndian.Uint64(m.Data[8:])
			return int64(seconds)*1e9 + int64(nanoseconds)
		}
	}
	return time.Now().UnixNano()
}

// advert is what a passer-by reads of an advertisement.
type advert struct {
	source   netip.Addr
	version  byte
	vrid     byte
	priority byte
	interval time.Duration
}

func (a advert) String() string {
	return fmt.Sprintf("version=%d vrid=%d priority=%d interval=%s from=%s", a.version, a.vrid, a.priority, a.interval, a.source)
}

// parseAdvert reads an IP packet. It judges nothing: no checksum, no TTL.
func parseAdvert(packet []byte) (a advert, ok bool) {
	switch {
	case len(packet) >= 20 && packet[0]>>4 == 4:
		a.source = netip.AddrFrom4([4]byte(packet[12:16]))
		packet = packet[min(len(packet), int(packet[0]&0xf)*4):]
	case len(packet) >= 40 && packet[0]>>4 == 6:
		a.source = netip.AddrFrom16([16]byte(packet[8:24]))
		packet = packet[40:]
	default:
		return advert{}, false
	}
	if len(packet) < 8 || packet[0]&0xf != 1 { // RFC 9568, section 5.2.2: type 1, advertisement
		return advert{}, false
	}
	a.version, a.vrid, a.priority = packet[0]>>4, packet[1], packet[2]
	switch a.version {
	case 2: // RFC 3768, section 5.3.7: seconds
		a.interval = time.Duration(packet[5]) * time.Second
	case 3: // RFC 9568, section 5.2.7: twelve bits of centiseconds
		a.interval = time.Duration(binary.BigEndian.Uint16(packet[4:])&0xfff) * 10 * time.Millisecond
	default:
		return advert{}, false
	}
	return a, true
}
