package checker

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxIdle is how long a connection is kept that nobody uses. Programs keep theirs for
// 60 s at least, so that it is we who close it.
const maxIdle = 30 * time.Second

// kept is the connection that a probe keeps from run to run, if it has one. The zero
// value keeps connections.
type kept struct {
	shelf *shelf // where it finds place
	mu    sync.Mutex
	conn  *conn
	since time.Time
	over  bool // nothing is kept any more
}

// shelf bounds the connections that are kept, all probes together: each holds a descriptor,
// and there must always be some for runs. A nil shelf has place for all.
type shelf struct {
	most int64
	in   atomic.Int64
}

// newShelf is as large as a part of the limit on open files lets it be.
func newShelf() *shelf {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return &shelf{most: defaultMaxRuns}
	}
	return &shelf{most: int64(min(files.Cur, 1<<30) / 2)}
}

func (s *shelf) enter() bool {
	if s != nil && s.in.Add(1) > s.most {
		s.in.Add(-1)
		return false
	}
	return true
}

func (s *shelf) leave() {
	if s != nil {
		s.in.Add(-1)
	}
}

// take gives the connection to a run, for as long as ctx is; nil: there is none.
func (k *kept) take(ctx context.Context) *conn {
	k.mu.Lock()
	c := k.conn
	k.conn = nil
	old := c != nil && time.Since(k.since) > maxIdle
	k.mu.Unlock()
	if c != nil {
		k.shelf.leave()
	}
	if old {
		c.Close()
		return nil
	}
	if c != nil {
		c.attach(ctx)
	}
	return c
}

// put keeps the connection of a run that is over, or closes it.
func (k *kept) put(c *conn) {
	if !c.detach() {
		c.Close()
		return
	}
	k.mu.Lock()
	keep := !k.over && k.shelf.enter()
	if keep {
		k.conn, k.since = c, time.Now()
	}
	k.mu.Unlock()
	if !keep {
		c.Close()
	}
}

// end closes the connection, if there is one, and lets nothing be kept any more.
func (k *kept) end() {
	k.mu.Lock()
	c := k.conn
	k.conn, k.over = nil, true
	k.mu.Unlock()
	if c != nil {
		k.shelf.leave()
		c.Close()
	}
}

// attach lets a connection that was kept work until ctx ends.
func (c *conn) attach(ctx context.Context) {
	c.ctx, c.spoke = ctx, time.Now()
	c.hook()
}

// detach ends the hold that ctx has on a connection, and tells whether it can be used
// further: ctx has not ended.
func (c *conn) detach() bool {
	if c.file == nil { // it never had to wait
		c.enterPoller()
	}
	return c.unhook()
}

// errStale says of a kept connection that it ended meanwhile, or brought what nobody
// asked for.
var errStale = errors.New("the connection is of no use any more")

// ask sends a request and returns the first bytes of what comes then. It looks at the
// connection before it sends, where it looks at all: what is there then is no answer.
// The error is errStale where something is, and where the connection turns out to have
// ended before the request came through.
//
// It sends while it is about to wait, and reads when there is something to read: a read
// that finds nothing would be a system call more.
func (c *conn) ask(request, answer []byte, reused bool) (n int, during phase, err error) {
	c.enterPoller()
	raw, err := c.file.SyscallConn()
	if err != nil {
		return 0, sending, err
	}
	sent := false
	turn := func(fd uintptr) (done bool) {
		if sent {
			n, err = unix.Read(int(fd), answer)
			return err != unix.EAGAIN && err != unix.EINTR
		}
		if reused {
			if _, quiet := unix.Read(int(fd), answer); quiet != unix.EAGAIN {
				err = errStale
				return true
			}
		}
		var wrote int
		if wrote, err = unix.Write(int(fd), request); err == nil && wrote < len(request) || err == unix.EAGAIN {
			err = unix.ENOBUFS // a request is short, and the socket's buffer empty
		}
		if err != nil {
			return true
		}
		c.spoke, sent = time.Now(), true
		return false
	}
	late := raw.Read(turn)
	if late != nil {
		if !sent {
			return 0, sending, c.cause(late)
		}
		if late = c.lastLook(late, turn); late != nil {
			return 0, answering, c.cause(late)
		}
	}
	switch {
	case reused && (err != nil || n == 0):
		return 0, answering, errStale
	case !sent:
		return 0, sending, err
	case err != nil:
		return 0, answering, err
	case n == 0:
		return 0, answering, io.EOF
	}
	return n, reading, nil
}
