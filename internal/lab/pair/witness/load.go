package main

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// acceptAll takes connections to an IPv4 address and port, and closes each: the cheapest
// server that a check of TCP finds alive. At SIGUSR1 it prints how many there were.
func acceptAll(address string, out io.Writer) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("accept: %w", err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("accept: socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()}); err != nil {
		return fmt.Errorf("accept: bind to %s: %w", ap, err)
	}
	if err := unix.Listen(fd, 4096); err != nil {
		return fmt.Errorf("accept: listen on %s: %w", ap, err)
	}
	var accepted atomic.Int64
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, unix.SIGUSR1)
	go func() { // ends with the program
		for range asked {
			fmt.Fprintf(out, "accepted %d\n", accepted.Load())
		}
	}()
	fmt.Fprintln(out, "ready")
	for {
		conn, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
		if err == nil {
			accepted.Add(1)
			_ = unix.Close(conn)
		} else if err != unix.EINTR && err != unix.ECONNABORTED {
			return fmt.Errorf("accept on %s: %w", ap, err)
		}
	}
}

// spin keeps the processor that it runs on busy, without end.
func spin() {
	for work := new(atomic.Uint64); ; work.Add(1) {
	}
}
