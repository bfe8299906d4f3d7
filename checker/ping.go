package checker

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// ping sends an ICMP echo request (RFC 792; RFC 4443, section 4) and waits for its
// reply, or for a router or the target to say why there will be none.
type ping struct {
	target  netip.AddrPort // its port is 0
	timeout time.Duration
	family  *icmpFamily
}

func preparePing(s Spec, _ Ping, _ Config) (probe, error) {
	p := ping{target: netip.AddrPortFrom(s.Target.Addr(), 0), timeout: s.Timing.Timeout, family: &icmp6}
	if s.Target.Addr().Unmap().Is4() {
		p.family = &icmp4
	}
	return p, nil
}

// maxStrays bounds how many packets that are about other pings a run looks at.
const maxStrays = 1024

func (p ping) run(ctx context.Context, t *transcript) Result {
	e, err := newEcho(p.family)
	if err != nil {
		return inconclusive("this host gives no random numbers: " + plain(err))
	}
	c, raw, err := dialICMP(ctx, p.target, e)
	if err != nil {
		return trouble(err, connecting, p.timeout)
	}
	defer c.Close()
	e.identified = raw
	t.addSent(e.request)
	if err := c.send(e.request); err != nil {
		return trouble(err, sending, p.timeout)
	}
	buf := make([]byte, 256)
	for range maxStrays {
		n, from, err := c.receiveFrom(buf)
		var errno unix.Errno
		switch {
		case err == nil:
			reply := p.family.body(buf[:n], raw)
			if from == p.target.Addr().Unmap().WithZone("") && e.isReply(reply) {
				t.addRead(reply)
				return success()
			}
		case errors.As(err, &errno):
			// The socket's error may be another ping's: the packet that it is about tells.
			if what, about := c.complaint(e); about {
				return failed(what)
			}
		default:
			return trouble(err, answering, p.timeout)
		}
	}
	return failed(fmt.Sprintf("no answer among the first %d packets", maxStrays))
}

// receiveFrom waits for one packet, or for an error of the socket.
func (c *conn) receiveFrom(b []byte) (n int, from netip.Addr, err error) {
	raw, err := c.file.SyscallConn()
	if err != nil {
		return 0, from, err
	}
	var sa unix.Sockaddr
	var failure error
	look := func(fd uintptr) bool {
		n, sa, failure = unix.Recvfrom(int(fd), b, 0)
		return failure != unix.EAGAIN && failure != unix.EINTR
	}
	if err := raw.Read(look); err != nil {
		if err = c.lastLook(err, look); err != nil {
			return 0, from, c.cause(err)
		}
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		from = netip.AddrFrom4(sa.Addr)
	case *unix.SockaddrInet6:
		from = netip.AddrFrom16(sa.Addr)
	}
	return n, from, failure
}

// echo is one echo request.
type echo struct {
	family  *icmpFamily
	request []byte
	// identified says that the request keeps its identifier: on a socket for pings
	// the kernel puts its own, and passes on only what has that.
	identified bool
}

// The layout of an echo message, in bytes: type, code, checksum, identifier, sequence
// number, and then what the reply must repeat.
const (
	echoType     = 0
	echoChecksum = 2
	echoID       = 4
	echoSequence = 6
	echoData     = 8
	echoLength   = echoData + 16
)

// newEcho makes an echo request with a random identifier, sequence number and data.
func newEcho(f *icmpFamily) (*echo, error) {
	b := make([]byte, echoLength)
	if _, err := rand.Read(b[echoID:]); err != nil {
		return nil, err
	}
	b[echoType] = f.echoRequest
	binary.BigEndian.PutUint16(b[echoChecksum:], checksum(b)) // of ICMPv6 the kernel computes it
	return &echo{family: f, request: b}, nil
}

// checksum is that of the internet protocols (RFC 1071), for an even number of bytes.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum>>16 != 0 {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// isReply tells whether an ICMP message is the reply to this request.
func (e *echo) isReply(message []byte) bool {
	return len(message) == echoLength && message[echoType] == e.family.echoReply && e.repeats(message)
}

// isCause tells whether an ICMP error that quotes this much of a message is about this
// request. A router quotes 8 bytes at least.
func (e *echo) isCause(quoted []byte) bool {
	return len(quoted) >= echoData && quoted[echoType] == e.family.echoRequest && e.repeats(quoted)
}

// repeats tells whether a message has what this request has, as far as it goes.
func (e *echo) repeats(message []byte) bool {
	from := echoSequence
	if e.identified {
		from = echoID
	}
	return bytes.HasPrefix(e.request[from:], message[from:min(len(message), echoLength)])
}
