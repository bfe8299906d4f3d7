package link

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const (
	// maxSend bounds one send of many requests: more gains nothing, and the kernel copies
	// it into one buffer.
	maxSend = 64 << 10
	// maxReceive is more than the kernel puts into one datagram.
	maxReceive = 64 << 10
	// receiveBuffer holds the refusals of a whole send, or a few thousand events.
	receiveBuffer = 4 << 20
	// answerTimeout bounds the wait for an answer, in seconds. The kernel answers before a
	// send returns, so an answer that is not there never comes.
	answerTimeout = 1
	// maxTries is how often a list is asked for that changes while it is read.
	maxTries = 4
)

var (
	errCutOff      = errors.New("a message of the kernel's is cut off")
	errInterrupted = errors.New("it kept changing while it was read: try again")
)

// socket is a netlink socket to the kernel's interfaces and addresses.
type socket struct {
	fd        int
	port, seq uint32 // our netlink address, and the number of the last request
	received  int    // datagrams so far
	in, out   []byte // one receive, one send
}

// openSocket opens a socket that hears of the groups, a set of bits.
func openSocket(groups uint32) (*socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	s := &socket{fd: fd, in: make([]byte, maxReceive)}
	if err := s.prepare(groups); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("prepare a netlink socket: %w", err)
	}
	return s, nil
}

func (s *socket) prepare(groups uint32) error {
	if err := s.setReceiveBuffer(receiveBuffer); err != nil {
		return err
	}
	if err := unix.Bind(s.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	address, err := unix.Getsockname(s.fd)
	if err != nil {
		return fmt.Errorf("getsockname: %w", err)
	}
	if own, ok := address.(*unix.SockaddrNetlink); ok {
		s.port = own.Pid
	}
	// Kernels before 4.20 have not all of these. They then send more than we want, and say
	// less about what they refuse.
	for _, option := range []int{unix.NETLINK_CAP_ACK, unix.NETLINK_EXT_ACK, unix.NETLINK_GET_STRICT_CHK} {
		err := unix.SetsockoptInt(s.fd, unix.SOL_NETLINK, option, 1)
		if err != nil && !errors.Is(err, unix.ENOPROTOOPT) {
			return fmt.Errorf("netlink option %d: %w", option, err)
		}
	}
	return unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: answerTimeout})
}

func (s *socket) setReceiveBuffer(size int) error {
	if unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size) == nil {
		return nil
	}
	// Without the privilege the system's limit applies.
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, size); err != nil {
		return fmt.Errorf("SO_RCVBUF: %w", err)
	}
	return nil
}

func (s *socket) close() error {
	if s.fd < 0 {
		return nil
	}
	err := os.NewSyscallError("close", unix.Close(s.fd))
	s.fd = -1
	return err
}

func (s *socket) send(b []byte) error {
	if s.fd < 0 {
		return os.ErrClosed
	}
	for {
		err := unix.Sendto(s.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// receive reads one datagram. It is empty where it is not the kernel's.
func (s *socket) receive(flags int) ([]byte, error) {
	if s.fd < 0 {
		return nil, os.ErrClosed
	}
	for {
		n, from, err := unix.Recvfrom(s.fd, s.in, flags|unix.MSG_TRUNC)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if sender, ok := from.(*unix.SockaddrNetlink); !ok || sender.Pid != 0 {
			return nil, nil
		}
		if n > len(s.in) {
			return nil, errCutOff
		}
		s.received++
		return s.in[:n], nil
	}
}

// drain reads away what waits, at most so many datagrams. After a loss the kernel
// delivers nothing until that is done.
func (s *socket) drain(most int) {
	for range most {
		_, err := s.receive(unix.MSG_DONTWAIT)
		if err != nil && !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, errCutOff) {
			return
		}
	}
}

// answers receives until see says that it has seen the last message for us.
func (s *socket) answers(see func(h header, body []byte) (last bool)) error {
	for done := false; !done; {
		b, err := s.receive(0)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return fmt.Errorf("no answer from the kernel within %d s", answerTimeout)
		case errors.Is(err, unix.ENOBUFS):
			s.drain(1 << 16)
			return err
		case err != nil:
			return err
		}
		whole := messages(b, func(h header, body []byte) {
			if h.port == s.port && !done {
				done = see(h, body)
			}
		})
		if !whole {
			return errCutOff
		}
	}
	return nil
}

// ask sends a request, built by build, calls see for each answer to it, and returns in
// how many datagrams they came. A list that changed while the kernel wrote it down is asked
// for again, after reset.
func (s *socket) ask(build func(buf []byte, seq uint32) []byte, reset func(), see func(body []byte)) (parts int, err error) {
	for range maxTries {
		reset()
		parts, interrupted, err := s.askOnce(build, see)
		if err != nil || !interrupted {
			return parts, err
		}
	}
	return 0, errInterrupted
}

func (s *socket) askOnce(build func(buf []byte, seq uint32) []byte, see func(body []byte)) (parts int, interrupted bool, err error) {
	s.seq++
	s.out = build(s.out[:0], s.seq)
	if err := s.send(s.out); err != nil {
		return 0, false, err
	}
	var refused error
	last := s.received
	err = s.answers(func(h header, body []byte) bool {
		if h.seq != s.seq {
			return false // late for an earlier request
		}
		interrupted = interrupted || h.flags&unix.NLM_F_DUMP_INTR != 0
		if h.kind == unix.NLMSG_ERROR || h.kind == unix.NLMSG_DONE {
			if r, ok := refusalOf(h, body); ok {
				refused = r
			}
			return true
		}
		if s.received != last {
			last = s.received
			parts++
		}
		see(body)
		return h.flags&unix.NLM_F_MULTI == 0
	})
	if err == nil {
		err = refused
	}
	return parts, interrupted, err
}

// apply makes n requests, in as few sends as possible, and tells which of them the
// kernel refused; the others are done. On an error it is not known which are.
func (s *socket) apply(n int, build func(buf []byte, i int, seq uint32) []byte, refused func(i int, r refusal)) error {
	for done := 0; done < n; {
		next, err := s.applySome(done, n, build, refused)
		if err != nil {
			return err
		}
		done = next
	}
	return nil
}

// applySome makes requests from the one numbered start, as many as fit in one send, and
// returns the number of the next. Only the last asks for an acknowledgement: the kernel
// works in order, so that when it comes, all refusals have come too.
func (s *socket) applySome(start, n int, build func(buf []byte, i int, seq uint32) []byte, refused func(i int, r refusal)) (int, error) {
	const largest = 1 << 10 // more than any one request takes
	buf, next, last := s.out[:0], start, 0
	first := s.seq + 1
	for next < n && len(buf)+largest <= maxSend {
		last = len(buf)
		s.seq++
		buf = build(buf, next, s.seq)
		next++
	}
	native.PutUint16(buf[last+6:], native.Uint16(buf[last+6:])|unix.NLM_F_ACK)
	s.out = buf
	if err := s.send(buf); err != nil {
		return start, err
	}
	return next, s.answers(func(h header, body []byte) bool {
		i := h.seq - first // answers to older requests wrap far beyond
		if i >= uint32(next-start) || h.kind != unix.NLMSG_ERROR {
			return false
		}
		if r, ok := refusalOf(h, body); ok {
			refused(start+int(i), r)
		}
		return h.seq == s.seq
	})
}
