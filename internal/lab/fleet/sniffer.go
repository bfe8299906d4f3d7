package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// sniffer sees the IPv4 datagrams that come to a host, whoever they are for.
type sniffer struct {
	port   int
	record bool // print each datagram, and not each source once
}

// sniff prints what it sees until ctx ends.
func (s *sniffer) sniff(ctx context.Context, out io.Writer) error {
	const ip = unix.ETH_P_IP>>8 | unix.ETH_P_IP&0xff<<8 // in the network's order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, ip)
	if err != nil {
		return fmt.Errorf("a packet socket: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20); err != nil {
		return err
	}
	packets := os.NewFile(uintptr(fd), "packets")
	defer packets.Close()
	defer context.AfterFunc(ctx, func() { packets.SetReadDeadline(time.Unix(1, 0)) })()
	fmt.Fprintln(out, "ready")
	seen := make(map[netip.Addr]bool)
	for b := make([]byte, 64<<10); ; {
		n, err := packets.Read(b)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		from, payload, ok := datagram(b[:n], s.port)
		switch {
		case !ok:
		case s.record:
			fmt.Fprintf(out, "%x\n", payload)
		case !seen[from]:
			seen[from] = true
			fmt.Fprintln(out, "source", from)
		}
	}
}

// datagram takes a UDP datagram to a port out of an IPv4 packet.
func datagram(packet []byte, port int) (from netip.Addr, payload []byte, ok bool) {
	const protocolUDP, headerUDP = 17, 8
	if len(packet) < 20 || packet[0]>>4 != 4 || packet[9] != protocolUDP {
		return from, nil, false
	}
	header := int(packet[0]&0x0f) * 4
	if len(packet) < header+headerUDP || int(binary.BigEndian.Uint16(packet[header+2:])) != port {
		return from, nil, false
	}
	from, _ = netip.AddrFromSlice(packet[12:16])
	return from, packet[header+headerUDP:], true
}
