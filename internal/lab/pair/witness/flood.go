package main

import (
	"fmt"
	"io"
	"math/rand/v2"

	"golang.org/x/sys/unix"
)

// protocolVRRP is the number of the IP protocol.
const protocolVRRP = 112

// flood sends what looks like VRRP and is not, to all routers on an interface, as fast as
// it can until in ends. It says how many datagrams those were.
func flood(name string, vrid byte, in io.Reader, out io.Writer) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocolVRRP)
	if err != nil {
		return fmt.Errorf("flood: socket: %w", err)
	}
	if err := unix.BindToDevice(fd, name); err != nil {
		return fmt.Errorf("flood: %s: %w", name, err)
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, 255); err != nil {
		return fmt.Errorf("flood: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, in)
		close(ended)
	}()
	fmt.Fprintln(out, "ready")
	group := &unix.SockaddrInet4{Addr: [4]byte{224, 0, 0, 18}}
	junk := make([]byte, 64)
	for sent := 0; ; sent++ {
		select {
		case <-ended:
			fmt.Fprintf(out, "sent %d\n", sent)
			return nil
		default:
		}
		for i := range junk {
			junk[i] = byte(rand.Uint32())
		}
		// Half of it is for the router, as far as its first two bytes go.
		if sent%2 == 0 {
			junk[0], junk[1] = 0x31, vrid
		}
		if err := unix.Sendto(fd, junk[:rand.IntN(len(junk))], 0, group); err != nil && err != unix.ENOBUFS {
			return fmt.Errorf("flood: send: %w", err)
		}
	}
}
