package checker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

const (
	// heartbeatBuffer is how many bytes of datagrams may wait in the socket: some
	// seconds' worth of what 10,000 servers send.
	heartbeatBuffer = 8 << 20
	// batch is how many datagrams are read before others have their turn.
	batch = 64
	// maxCatchUp is how many datagrams are read before silence is judged.
	maxCatchUp = 16384
	// crowded is how many datagrams in a row show that the socket may have been full.
	crowded = 32
)

// heartbeatSocket is the socket that heartbeats come to. All but its descriptor is
// guarded by hearts.mu.
type heartbeatSocket struct {
	hearts  *hearts
	control func(func(fd uintptr)) error
	buf     [wire.MaxDatagram + 1]byte
	row     int // datagrams read since it was last empty
	longest int // the longest such row since losses were last looked at
	dropped uint32
	err     error
}

// ServeHeartbeats takes heartbeats and relays' datagrams from a socket until ctx is done;
// the error is nil then. The socket stays open, with a read deadline that has passed. One
// socket is served at a time. It is given a large buffer, as far as the kernel lets.
//
// While Run is at work silence counts whether or not a socket is served.
func (e *Engine) ServeHeartbeats(ctx context.Context, c *net.UDPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return fmt.Errorf("receive heartbeats: %w", err)
	}
	s := &heartbeatSocket{hearts: e.hearts, control: raw.Control}
	if err := s.enlarge(); err != nil {
		return fmt.Errorf("receive heartbeats: %w", err)
	}
	if !e.hearts.serve(s) {
		return errors.New("receive heartbeats: another socket is served already")
	}
	defer e.hearts.serve(nil)
	cut := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(cut)
		_ = c.SetReadDeadline(time.Unix(1, 0)) // it fails where the socket is closed, which will do
	})
	defer func() {
		if !stop() {
			<-cut
		}
	}()
	for {
		err := raw.Read(func(fd uintptr) bool { return s.readable(int(fd)) })
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("receive heartbeats: %w", err)
		}
		if err := s.failure(); err != nil {
			return fmt.Errorf("receive heartbeats: %w", err)
		}
	}
}

// enlarge gives the socket a large buffer.
func (s *heartbeatSocket) enlarge() error {
	return s.control(func(fd uintptr) {
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, heartbeatBuffer) != nil {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, heartbeatBuffer) // as much as net.core.rmem_max lets
		}
		s.dropped, _ = drops(int(fd))
	})
}

// serve makes the socket the one that is served, nil for none. It tells whether it is.
func (hs *hearts) serve(s *heartbeatSocket) bool {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if s != nil && hs.socket != nil {
		return false
	}
	hs.socket = s
	return true
}

// readable reads some of what has come. It is false where nothing had, and the socket
// must be waited for.
func (s *heartbeatSocket) readable(fd int) bool {
	s.hearts.mu.Lock()
	defer s.hearts.mu.Unlock()
	return s.read(fd, batch) > 0 || s.err != nil
}

// failure is why the socket can't be read any more.
func (s *heartbeatSocket) failure() error {
	s.hearts.mu.Lock()
	defer s.hearts.mu.Unlock()
	return s.err
}

// read reads at most so many datagrams and returns how many there were.
func (s *heartbeatSocket) read(fd, most int) (n int) {
	hs := s.hearts
	hs.countStalls()
	var at time.Time
	for n < most {
		size, from, err := unix.Recvfrom(fd, s.buf[:], unix.MSG_DONTWAIT)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			s.row = 0
			if !errors.Is(err, unix.EAGAIN) {
				s.err = err
			}
			break
		}
		n++
		s.row++
		s.longest = max(s.longest, s.row)
		at = time.Now()
		hs.ledger.Receive(at.Sub(hs.engine.epoch), addrPort(from), s.buf[:size])
	}
	if n > 0 {
		hs.carryOut(at)
	}
	return n
}

// catchUp reads what had come by now, and learns what was lost.
func (hs *hearts) catchUp() {
	s := hs.socket
	if s == nil {
		return
	}
	_ = s.control(func(fd uintptr) { // it fails where the socket is closed: nothing comes any more
		behind := s.read(int(fd), maxCatchUp) == maxCatchUp
		total, ok := drops(int(fd))
		lost := total - s.dropped
		s.dropped = total
		switch {
		case !ok:
		case behind, lost > 0 && s.longest >= crowded:
			hs.ledger.Lost(hs.engine.now(), uint64(lost))
		default: // the socket was not full: these were damaged on their way
			hs.damaged += uint64(lost)
		}
		s.longest = 0
	})
}

// drops returns how many datagrams the kernel has dropped at the socket: those for which
// there was no room, and those with a wrong checksum.
func drops(fd int) (n uint32, ok bool) {
	var info [skMeminfoVars]uint32
	if err := meminfo(fd, &info); err != nil {
		return 0, false
	}
	return info[skMeminfoDrops], true
}

func addrPort(from unix.Sockaddr) netip.AddrPort {
	switch a := from.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{}
}
