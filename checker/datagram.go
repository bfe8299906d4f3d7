package checker

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxDatagram is the largest payload of a UDP datagram over IPv4, in bytes.
	maxDatagram = 65507
	// maxReplies bounds how many datagrams that are not the wanted one a run looks at.
	maxReplies = 64
)

// datagrams are the buffers that replies are read into.
var datagrams = sync.Pool{New: func() any { b := make([]byte, 1<<16); return &b }}

// dialUDP opens a socket that sends datagrams to the target, works until ctx ends, and
// hears nobody else.
func dialUDP(ctx context.Context, target netip.AddrPort) (*conn, error) {
	c, err := datagramSocket(ctx, target, func(domain int) (int, error) {
		fd, err := unix.Socket(domain, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_UDP)
		return fd, ours(err)
	})
	if err != nil {
		return nil, err
	}
	if err := refuseSelf(c.fd, c.target); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// datagramSocket opens a socket and ties it to the target. Without its own option for
// that a socket of datagrams hears of some ICMP errors only, and not that a host or
// network is unreachable.
func datagramSocket(ctx context.Context, target netip.AddrPort, open func(domain int) (fd int, err error)) (*conn, error) {
	domain, sa, err := sockaddr(target)
	if err != nil {
		return nil, err
	}
	fd, err := open(domain)
	if err != nil {
		return nil, err
	}
	if domain == unix.AF_INET {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1)
	} else {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
	}
	if err == nil {
		err = ours(unix.Connect(fd, sa))
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	c := &conn{fd: fd, target: target, ctx: ctx, spoke: time.Now()}
	c.enterPoller()
	return c, nil
}

// send sends one datagram, which may be empty.
func (c *conn) send(b []byte) error {
	_, err := unix.SendmsgN(c.fd, b, nil, nil, unix.MSG_NOSIGNAL)
	c.spoke = time.Now()
	return ours(err)
}

// receive waits for one datagram, which may be empty. That a datagram was too long for
// the way is not told: the next will be cut to fit.
func (c *conn) receive(b []byte) (n int, err error) {
	for range maxReplies {
		n, err = c.Read(b)
		if !errors.Is(err, unix.EMSGSIZE) {
			break
		}
	}
	if err == io.EOF { // so os.File tells of a datagram without a byte
		err = nil
	}
	return n, err
}
