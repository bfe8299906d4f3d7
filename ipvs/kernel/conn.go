package kernel

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Conn is a connection to the kernel's IPVS table, in the network namespace of
// the thread that opened it. Its methods may be called from several goroutines;
// they take turns.
type Conn struct {
	mu     sync.Mutex
	fd     int
	port   uint32 // our netlink address
	family uint16 // the number of the IPVS family in this kernel
	seq    uint32
	in     []byte // one receive
	out    []byte // one send
}

const (
	// maxSend bounds one send of many changes: more gains nothing, and the
	// kernel copies it into one buffer.
	maxSend = 64 << 10
	// receiveBuffer holds the refusals of a whole send, each of which takes the
	// kernel about a kilobyte.
	receiveBuffer = 4 << 20
	maxReceive    = 64 << 10
	// answerTimeout bounds the wait for an answer, in seconds. The kernel answers
	// before a send returns, so an answer that is not there never comes.
	answerTimeout = 10
)

// Open connects to the table. It fails with [ErrNoIPVS] where the kernel has
// none: that is found out before anything else, since a kernel without IPVS
// takes other requests for none of its business and keeps silent.
func Open() (*Conn, error) {
	family, err := netlink.GenlFamilyGet("IPVS")
	if errors.Is(err, unix.ENOENT) {
		return nil, ErrNoIPVS
	}
	if err != nil {
		return nil, tableError("look for IPVS in the kernel", err)
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_GENERIC)
	if err != nil {
		return nil, tableError("open a netlink socket", err)
	}
	c := &Conn{fd: fd, family: family.ID, in: make([]byte, maxReceive)}
	if err := c.prepare(); err != nil {
		unix.Close(fd)
		return nil, tableError("prepare a netlink socket", err)
	}
	return c, nil
}

func (c *Conn) prepare() error {
	if err := unix.Bind(c.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	address, err := unix.Getsockname(c.fd)
	if err != nil {
		return fmt.Errorf("getsockname: %w", err)
	}
	if own, ok := address.(*unix.SockaddrNetlink); ok {
		c.port = own.Pid
	}
	// An error answer need not repeat the request: it is matched by its number.
	if err := unix.SetsockoptInt(c.fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1); err != nil {
		return fmt.Errorf("NETLINK_CAP_ACK: %w", err)
	}
	if err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer); err != nil {
		// Without the privilege the system's limit applies.
		if err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer); err != nil {
			return fmt.Errorf("SO_RCVBUF: %w", err)
		}
	}
	return unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: answerTimeout})
}

// Close ends the connection. The table stays as it is.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return nil
	}
	err := os.NewSyscallError("close", unix.Close(c.fd))
	c.fd = -1
	return err
}

// next returns a number for a request.
func (c *Conn) next() uint32 {
	c.seq++
	return c.seq
}

func (c *Conn) send(b []byte) error {
	if c.fd < 0 {
		return os.ErrClosed
	}
	for {
		err := unix.Sendto(c.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// drain reads away what is left after answers were lost: until then the kernel
// delivers no further ones.
func (c *Conn) drain() {
	for {
		_, _, err := unix.Recvfrom(c.fd, c.in, unix.MSG_DONTWAIT)
		if err != nil && !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.ENOBUFS) {
			return
		}
	}
}

// answer is one netlink message from the kernel.
type answer struct {
	kind  uint16
	seq   uint32
	errno unix.Errno // of an error or of the end of a dump; 0: none
	data  []byte     // what follows the netlink header; valid until the next receive
}

// receive reads one datagram and calls see for each message in it that is for us.
func (c *Conn) receive(see func(answer)) error {
	n, from, err := unix.Recvfrom(c.fd, c.in, 0)
	switch {
	case errors.Is(err, unix.EINTR):
		return nil
	case errors.Is(err, unix.EAGAIN):
		return fmt.Errorf("no answer from the kernel within %d s", answerTimeout)
	case errors.Is(err, unix.ENOBUFS):
		c.drain()
		return err
	case err != nil:
		return err
	}
	if sender, ok := from.(*unix.SockaddrNetlink); !ok || sender.Pid != 0 {
		return nil // not from the kernel
	}
	b := c.in[:n]
	for len(b) >= unix.NLMSG_HDRLEN {
		size := int(native.Uint32(b))
		if size < unix.NLMSG_HDRLEN || size > len(b) {
			return fmt.Errorf("a message of %d bytes is cut off", size)
		}
		a := answer{kind: native.Uint16(b[4:]), seq: native.Uint32(b[8:]), data: b[unix.NLMSG_HDRLEN:size]}
		if (a.kind == unix.NLMSG_ERROR || a.kind == unix.NLMSG_DONE) && len(a.data) >= 4 {
			a.errno = unix.Errno(-int32(native.Uint32(a.data)))
		}
		if native.Uint32(b[12:]) == c.port {
			see(a)
		}
		b = b[min(len(b), (size+unix.NLMSG_ALIGNTO-1)&^(unix.NLMSG_ALIGNTO-1)):]
	}
	return nil
}
