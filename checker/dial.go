package checker

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	spoke  time.Time   // when we last said something: since then it is the server's turn
}

// dial connects to the target. The connection works until ctx ends: then whatever
// waits on it fails with os.ErrDeadlineExceeded.
func dial(ctx context.Context, target netip.AddrPort) (*conn, error) {
	fd, sa, err := newSocket(target)
	if err != nil {
		return nil, err
	}
	c := &conn{fd: fd, target: target, ctx: ctx, spoke: time.Now()}
	if err := c.connect(sa); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// newSocket makes a socket to connect to the target with. To close it resets it.
func newSocket(target netip.AddrPort) (fd int, sa unix.Sockaddr, err error) {
	domain, sa, err := sockaddr(target)
	if err != nil {
		return -1, nil, err
	}
	fd, err = unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return -1, nil, ours(err)
	}
	err = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 0})
	if err != nil {
		unix.Close(fd)
		return -1, nil, err
	}
	return fd, sa, nil
}

// beginConnect begins to connect a socket. The error is EALREADY where that takes its
// time.
func beginConnect(fd int, sa unix.Sockaddr) error {
	err := ours(unix.Connect(fd, sa))
	if err == unix.EINPROGRESS || err == unix.EINTR {
		// A target on this host is connected by now, and then nobody need wait.
		err = unix.Connect(fd, sa)
	}
	if err == unix.EISCONN {
		return nil
	}
	return err
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

// ours tells a refusal of this host from one that came over the network, with the same
// errno: what socket and the first call of connect return at once is this host's.
func ours(err error) error {
	switch err {
	case unix.ENETUNREACH, unix.ENETDOWN:
		return &localError{"this host has no route to the target: see its interfaces and ip route"}
	case unix.EACCES, unix.EPERM:
		return &localError{"this host does not let the director connect: see its firewall's output rules"}
	}
	return err
}

func (c *conn) connect(sa unix.Sockaddr) error {
	err := beginConnect(c.fd, sa)
	if err == unix.EALREADY {
		err = c.wait(sa)
	}
	if err != nil && err != unix.EISCONN {
		return err
	}
	return refuseSelf(c.fd, c.target)
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
	look := func(fd uintptr) bool {
		result = unix.Connect(int(fd), sa)
		return result != unix.EALREADY
	}
	if err := raw.Write(look); err != nil {
		if err = c.lastLook(err, look); err != nil {
			return c.cause(err)
		}
	}
	return result
}

// silence is a deadline at which the server had still said nothing: the socket was
// looked at once more, after it.
type silence struct{ lasted time.Duration }

// Error says what a deadline says.
func (silence) Error() string { return os.ErrDeadlineExceeded.Error() }

// Unwrap makes it a deadline.
func (silence) Unwrap() error { return os.ErrDeadlineExceeded }

// lastLook looks at the socket once more, without waiting, where a deadline has
// passed: this process may have been late, and what came in time is there. It returns
// nil if look finds something.
func (c *conn) lastLook(err error, look func(fd uintptr) (found bool)) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) || c.ctx.Err() == context.Canceled {
		return err
	}
	raw, rawErr := c.file.SyscallConn()
	if rawErr != nil {
		return err
	}
	found := false
	if rawErr := raw.Control(func(fd uintptr) { found = look(fd) }); rawErr != nil {
		return err
	}
	if !found {
		return silence{time.Since(c.spoke)}
	}
	return nil
}

// enterPoller lets reads and writes wait, until ctx is done.
func (c *conn) enterPoller() {
	if c.file != nil {
		return
	}
	c.file = os.NewFile(uintptr(c.fd), "socket")
	c.hook()
}

// hook ends all waiting on the connection when ctx ends.
func (c *conn) hook() {
	file := c.file
	c.unhook = context.AfterFunc(c.ctx, func() { file.SetDeadline(time.Unix(1, 0)) })
}

// refuseSelf refuses a socket that is connected to itself: that happens where the
// target is on this host, its port one that the kernel gives to clients, and nobody
// listens there.
func refuseSelf(fd int, target netip.AddrPort) error {
	local, err := unix.Getsockname(fd)
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
	if from.Port() == target.Port() && from.Addr() == target.Addr().Unmap().WithZone("") {
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
	if err == nil || len(b) == 0 {
		return n, err
	}
	var late error
	if err = c.lastLook(err, func(fd uintptr) bool {
		n, late = unix.Read(int(fd), b)
		return late != unix.EAGAIN && late != unix.EINTR
	}); err != nil {
		return 0, c.cause(err)
	}
	switch {
	case late != nil:
		return 0, late
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// Write writes all of b.
func (c *conn) Write(b []byte) (int, error) {
	c.enterPoller()
	n, err := c.file.Write(b)
	c.spoke = time.Now()
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
