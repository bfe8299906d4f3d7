package checker

import (
	"encoding/binary"
	"errors"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// poller waits for what happens to many sockets at once. It is an epoll descriptor that
// itself stands in the runtime's poller, so that waiting holds no thread.
//
// What a socket brings is told by a second epoll descriptor, which stands in the first.
// Where much comes, to wake up costs more than to read: then the second is looked at
// every 5 ms only. The ends of connections do not wait for that.
type poller struct {
	fd, data, wake int
	file           *os.File // fd
	raw            syscall.RawConn
	deadline       time.Time // of file
	nextLook       time.Time // at data; zero: whenever something comes
	more           bool      // data has more than the latest look took

	events [512]unix.EpollEvent
	n      int                // of them there are
	err    error              // of the latest look
	looks  func(uintptr) bool // lookOut
}

const (
	// wakeToken and dataToken are the tokens of what interrupt brings about, and of data.
	wakeToken = -1
	dataToken = -2
	// lookPause is how long what comes may wait where much comes, and muchComes how many
	// sockets in that time are much.
	lookPause = 5 * time.Millisecond
	muchComes = 2
	// edgeTriggered is EPOLLET, whose constant is a negative number.
	edgeTriggered = 1 << 31
)

func newPoller() (p *poller, err error) {
	p = &poller{fd: -1, data: -1, wake: -1}
	defer func() {
		if err != nil {
			p.close()
			p = nil
		}
	}()
	if p.fd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return p, err
	}
	if p.data, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return p, err
	}
	if p.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return p, err
	}
	if err = p.control(unix.EPOLL_CTL_ADD, p.wake, unix.EPOLLIN, wakeToken); err != nil {
		return p, err
	}
	if err = p.control(unix.EPOLL_CTL_ADD, p.data, unix.EPOLLIN, dataToken); err != nil {
		return p, err
	}
	if err = unix.SetNonblock(p.fd, true); err != nil { // only such descriptors enter the runtime's poller
		return p, err
	}
	p.file, p.looks = os.NewFile(uintptr(p.fd), "epoll"), p.lookOut
	p.raw, err = p.file.SyscallConn()
	return p, err
}

func (p *poller) control(what, fd int, events uint32, token int32) error {
	return unix.EpollCtl(p.fd, what, fd, &unix.EpollEvent{Events: events, Fd: token})
}

// close closes the poller; nobody waits any more.
func (p *poller) close() {
	for _, fd := range []int{p.wake, p.data} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	switch {
	case p.file != nil:
		p.file.Close()
	case p.fd >= 0:
		unix.Close(p.fd)
	}
}

// watch tells of each change of a socket from now on: something came, it is connected,
// it ended. Events carry the token and its turn.
func (p *poller) watch(fd int, token, turn int32) error {
	ends := unix.EpollEvent{Events: unix.EPOLLOUT | unix.EPOLLRDHUP | edgeTriggered, Fd: token, Pad: turn}
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &ends); err != nil {
		return err
	}
	comes := unix.EpollEvent{Events: unix.EPOLLIN | edgeTriggered, Fd: token, Pad: turn}
	return unix.EpollCtl(p.data, unix.EPOLL_CTL_ADD, fd, &comes)
}

// interrupt ends a wait, or else the next one. It may be called from any goroutine.
func (p *poller) interrupt() {
	one := binary.NativeEndian.AppendUint64(nil, 1)
	_, _ = unix.Write(p.wake, one) // fails only where it is full of interrupts
}

// wait waits until something happened, or interrupt was called, but not longer than
// until; the zero time: not at all. The events are valid until the next call.
func (p *poller) wait(until time.Time) ([]unix.EpollEvent, error) {
	if !p.nextLook.IsZero() && p.nextLook.Before(until) {
		until = p.nextLook
	}
	if until.IsZero() || p.more {
		p.lookOut(0)
		return p.events[:p.n], p.err
	}
	if !until.Equal(p.deadline) {
		if err := p.file.SetReadDeadline(until); err != nil {
			return nil, err
		}
		p.deadline = until
	}
	err := p.raw.Read(p.looks)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		p.lookOut(0)
		err = nil
	}
	if err == nil {
		err = p.err
	}
	return p.events[:p.n], err
}

// lookOut takes what happened, and tells whether anything did.
func (p *poller) lookOut(uintptr) (found bool) {
	p.n, p.err = epollWait(p.fd, p.events[:len(p.events)/2])
	found = p.n > 0 || p.err != nil
	look := p.more || !p.nextLook.IsZero() && !time.Now().Before(p.nextLook)
	for i := 0; i < p.n; {
		switch p.events[i].Fd {
		case wakeToken:
			var b [8]byte
			_, _ = unix.Read(p.wake, b[:])
		case dataToken:
			look = true
		default:
			i++
			continue
		}
		p.n--
		p.events[i] = p.events[p.n]
	}
	if look && p.err == nil {
		p.lookIn()
	}
	return found || p.n > 0
}

// lookIn takes what came, and decides when to look again.
func (p *poller) lookIn() {
	room := p.events[p.n:]
	n, err := epollWait(p.data, room)
	p.n, p.err, p.more = p.n+n, err, n == len(room)
	was, much := !p.nextLook.IsZero(), n >= muchComes
	switch {
	case much:
		p.nextLook = time.Now().Add(lookPause)
	case was:
		p.nextLook = time.Time{}
	}
	if was == much || p.err != nil {
		return
	}
	var events uint32
	if !much {
		events = unix.EPOLLIN
	}
	p.err = p.control(unix.EPOLL_CTL_MOD, p.data, events, dataToken)
}

// epollWait takes what epoll has to tell.
func epollWait(fd int, events []unix.EpollEvent) (n int, err error) {
	r, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(fd), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno != 0 && errno != unix.EINTR {
		return 0, errno
	}
	if errno != 0 {
		return 0, nil
	}
	return int(r), nil
}

// readNow reads from a socket that does not block. As epollWait it does without what
// the runtime does around system calls that may take long: to have it done for each of
// thousands a second costs as much as a third of all else.
func readNow(fd int, to []byte) (n int, err error) {
	r, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&to[0])), uintptr(len(to)))
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
}
