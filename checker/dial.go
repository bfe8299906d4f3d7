package checker

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// conn is a TCP connection of a check. It is made of the fewest system calls that
// will do, for they are what a check costs: a net.Dialer's connection takes about
// twice as much. Closing it resets it, so that thousands of checks a second leave no
// sockets in TIME_WAIT.
type conn struct {
	fd     int
	file   *os.File // the descriptor in the runtime's poller; nil while nobody had to wait
	target netip.AddrPort
	ctx    context.Context
	unhook func() bool // ends ctx's hold on the file
}

// dial connects to the target. The connection works until ctx ends: then whatever
// waits on it fails with os.ErrDeadlineExceeded.
func dial(ctx context.Context, target netip.AddrPort) (*conn, error) {
	domain, sa, err := sockaddr(target)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return nil, err
	}
	c := &conn{fd: fd, target: target, ctx: ctx}
	if err := c.connect(sa); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func sockaddr(target netip.AddrPort) (domain int, sa unix.Sockaddr, err error) {
	addr := target.Addr().Unmap()
	if addr.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Addr: addr.As4(), Port: int(target.Port())}, nil
	}
	in6 := &unix.SockaddrInet6{Addr: addr.As16(), Port: int(target.Port())}
	if zone := addr.Zone(); zone != "" {
		link, err := net.InterfaceByName(zone)
		if err != nil {
			return 0, nil, &localError{fmt.Sprintf("this host has no interface %s", zone)}
		}
		in6.ZoneId = uint32(link.Index)
	}
	return unix.AF_INET6, in6, nil
}

// localError is trouble of this host that no errno tells.
type localError struct{ reason string }

func (e *localError) Error() string { return e.reason }

func (c *conn) connect(sa unix.Sockaddr) error {
	err := unix.SetsockoptLinger(c.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 0})
	if err != nil {
		return err
	}
	if err = unix.Connect(c.fd, sa); err == unix.EINPROGRESS || err == unix.EINTR {
		// A target on this host is connected by now, and then nobody need wait.
		err = unix.Connect(c.fd, sa)
	}
	if err == unix.EALREADY {
		err = c.wait(sa)
	}
	if err != nil && err != unix.EISCONN {
		return err
	}
	return c.refuseSelf()
}

// wait waits until the socket is connected or has failed to.
func (c *conn) wait(sa unix.Sockaddr) error {
	c.enterPoller()
	raw, err := c.file.SyscallConn()
	if err != nil {
		return err
	}
	// To connect again tells how the first call fares. The socket's error would not
	// do: it is 0 both while connecting and when connected.
	result := error(unix.EALREADY)
	if err := raw.Write(func(fd uintptr) bool {
		result = unix.Connect(int(fd), sa)
		return result != unix.EALREADY
	}); err != nil {
		return c.cause(err)
	}
	return result
}

// enterPoller lets reads and writes wait, until ctx is done.
func (c *conn) enterPoller() {
	if c.file != nil {
		return
	}
	c.file = os.NewFile(uintptr(c.fd), "socket")
	file := c.file
	c.unhook = context.AfterFunc(c.ctx, func() { file.SetDeadline(time.Unix(1, 0)) })
}

// refuseSelf refuses a socket that is connected to itself: that happens where the
// target is on this host, its port one that the kernel gives to clients, and nobody
// listens there.
func (c *conn) refuseSelf() error {
	local, err := unix.Getsockname(c.fd)
	if err != nil {
		return err
	}
	var from netip.AddrPort
	switch l := local.(type) {
	case *unix.SockaddrInet4:
		from = netip.AddrPortFrom(netip.AddrFrom4(l.Addr), uint16(l.Port))
	case *unix.SockaddrInet6:
		from = netip.AddrPortFrom(netip.AddrFrom16(l.Addr), uint16(l.Port))
	}
	if from.Port() == c.target.Port() && from.Addr() == c.target.Addr().Unmap().WithZone("") {
		return unix.ECONNREFUSED
	}
	return nil
}

// cause puts the end of ctx in place of the deadline that it set.
func (c *conn) cause(err error) error {
	if err != nil && c.ctx.Err() == context.Canceled {
		return context.Canceled
	}
	return err
}

// Read reads what is there, and waits for the first byte.
func (c *conn) Read(b []byte) (int, error) {
	c.enterPoller()
	n, err := c.file.Read(b)
	return n, c.cause(err)
}

// Write writes all of b.
func (c *conn) Write(b []byte) (int, error) {
	c.enterPoller()
	n, err := c.file.Write(b)
	return n, c.cause(err)
}

// Close resets the connection.
func (c *conn) Close() error {
	if c.file == nil {
		fd := c.fd
		c.fd = -1
		return unix.Close(fd)
	}
	c.unhook()
	return c.file.Close()
}

// What follows makes a conn a net.Conn, which crypto/tls wants.

// LocalAddr returns no address: nobody asks.
func (c *conn) LocalAddr() net.Addr { return &net.TCPAddr{} }

// RemoteAddr returns the target.
func (c *conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.target) }

// SetDeadline does nothing: the deadline is the context's.
func (c *conn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (c *conn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }
