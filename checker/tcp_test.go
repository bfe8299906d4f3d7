package checker

import (
	"context"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func tcpSpec(target netip.AddrPort) Spec {
	return Spec{Target: target, Options: TCP{}, Timing: patient}
}

func TestTCP(t *testing.T) {
	expect(t, once(tcpSpec(serve(t, silent))), Success, "")
	expect(t, once(tcpSpec(nobodyThere(t))), Failure, "connection refused")
}

func TestTCPOverIPv6(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Fatal(err)
	}
	target := serveOn(t, l, silent)
	expect(t, once(tcpSpec(target)), Success, "")
	zoned := netip.AddrPortFrom(netip.MustParseAddr("fe80::1%no-such-link"), 80)
	expect(t, once(tcpSpec(zoned)), Inconclusive, "this host has no interface no-such-link")
}

func TestTCPToAMappedAddress(t *testing.T) {
	target := serve(t, silent)
	mapped := netip.AddrPortFrom(netip.AddrFrom16(target.Addr().As16()), target.Port())
	expect(t, once(tcpSpec(mapped)), Success, "")
}

// full is a server whose queue of connections is full: it drops what comes further, as
// a dead host does.
func full(t *testing.T) (fd int, target netip.AddrPort) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	target = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(name.(*syscall.SockaddrInet4).Port))
	c, err := net.Dial("tcp", target.String()) // a queue of 0 holds one
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return fd, target
}

func TestTCPWithoutAnAnswer(t *testing.T) {
	_, target := full(t)
	expect(t, once(Spec{Target: target, Options: TCP{}, Timing: hasty}), Failure, "no connection within 1s")

	ctx, cancel := context.WithCancel(t.Context())
	cancelled := make(chan Result)
	go func() { cancelled <- New(Config{}).RunOnce(ctx, tcpSpec(target)) }()
	cancel()
	expect(t, <-cancelled, Inconclusive, "interrupted while connecting")
}

// A connection that takes its time is waited for: the server's queue is full when the
// first SYN comes, and has room when the kernel sends the next.
func TestTCPThatComesLate(t *testing.T) {
	fd, target := full(t)
	domain, sa, err := sockaddr(target)
	if err != nil {
		t.Fatal(err)
	}
	s, err := unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	c := &conn{fd: s, target: target, ctx: t.Context()}
	defer c.Close()
	if err := unix.Connect(s, sa); err != unix.EINPROGRESS {
		t.Fatalf("%v, want to wait", err)
	}
	if err := unix.Connect(s, sa); err != unix.EALREADY {
		t.Fatalf("%v, want to wait still", err)
	}
	first, _, err := syscall.Accept(fd)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(first)
	if err := c.wait(sa); err != nil {
		t.Error(err)
	}
}

// Connections are reset rather than closed, or thousands of checks a second would
// use up all ports. A reset is what the server then sees.
func TestConnectionsAreReset(t *testing.T) {
	seen := make(chan error, 1)
	target := serve(t, func(c net.Conn) {
		_, err := c.Read(make([]byte, 1))
		seen <- err
	})
	expect(t, once(tcpSpec(target)), Success, "")
	if err := <-seen; err == nil || err.Error() == "EOF" {
		t.Errorf("the server saw %v, want a reset", err)
	}
}

// Where nobody listens on a port that the kernel also gives to clients, a socket can
// happen to connect to itself. That is no server.
func TestASocketConnectedToItselfIsRefused(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Connect(fd, name); err != nil {
		t.Fatal(err)
	}
	c := conn{fd: fd, target: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(name.(*syscall.SockaddrInet4).Port))}
	if err := refuseSelf(c.fd, c.target); err != syscall.ECONNREFUSED {
		t.Errorf("%v, want connection refused", err)
	}
}
