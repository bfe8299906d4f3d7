package monitor

import (
	"io"
	"net"
	"sync"
	"time"
)

// conn is one connection of a peer. One goroutine reads it and writes to it, and waits for everything by way of the read
// deadline: for a line that must end, for an answer of a watch that falls due, and for whoever wakes it.
type conn struct {
	net.Conn
	limit time.Time // when the line that is awaited must have begun, or, once it has, ended; zero: a watch has time
	begun bool      // the line's first byte is there
	watch *watch    // what the peer watches; nil: nothing
	out   []byte    // room for answers

	waking sync.Mutex
	woken  bool      // there may be a change to tell
	quiet  time.Time // when it may be told; zero: the goroutine will see for itself before it next waits
	armed  time.Time // the read deadline; zero: none

	seat
}

// seat is a connection's part of the room, guarded by the room's lock.
type seat struct {
	asked    bool      // it has sent a request
	since    time.Time // when it last did, or was given an answer that it watches for, or came
	told     bool      // it has heard that the program is leaving
	watching bool      // it is given answers without asking
	service  *Service  // which service it watches; nil is one that the program doesn't have
}

// newConn wraps what a listener accepted.
func newConn(c net.Conn) *conn { return &conn{Conn: c} }

// Read reads from the peer. The first byte of a line has the time that await gave it; the rest of the line has its own.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.begun {
		c.begun, c.limit = true, time.Now().Add(lineTime)
		if err := c.arm(); err != nil {
			return n, err
		}
	}
	return n, err
}

// await gives the next line patience for its first byte, unless that is there already. A patience of 0 has no end.
func (c *conn) await(patience time.Duration, begun bool) {
	c.begun = begun
	switch {
	case begun:
		c.limit = time.Now().Add(lineTime)
	case patience == 0:
		c.limit = time.Time{}
	default:
		c.limit = time.Now().Add(patience)
	}
}

// arm sets the read deadline to the first thing that is waited for.
func (c *conn) arm() error {
	until := c.limit
	c.waking.Lock()
	defer c.waking.Unlock()
	if c.watch != nil {
		until, c.quiet = earlier(until, c.watch.next()), c.watch.quiet
	}
	if c.watch != nil && c.woken {
		until = earlier(until, c.quiet)
	}
	c.armed = until
	return c.SetReadDeadline(until)
}

// wake lets the connection's goroutine look whether there is a change to tell, as soon as one may be told. It never
// blocks, and costs little when called often.
func (c *conn) wake() {
	c.waking.Lock()
	defer c.waking.Unlock()
	if c.woken {
		return
	}
	c.woken = true
	if c.quiet.IsZero() {
		return
	}
	if c.armed.IsZero() || c.quiet.Before(c.armed) {
		c.armed = c.quiet
		_ = c.SetReadDeadline(c.quiet) // it fails on a closed connection only, and nobody reads that
	}
}

// settle takes back what wake asked for, before the service is looked at: what changes later wakes again.
func (c *conn) settle() {
	c.waking.Lock()
	defer c.waking.Unlock()
	c.woken = false
}

// late tells whether the line that is awaited has not come in time.
func (c *conn) late(now time.Time) bool { return !c.limit.IsZero() && !now.Before(c.limit) }

// send sends one line and its end.
func (c *conn) send(line []byte) error {
	if err := c.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	c.out = append(line, '\n')
	_, err := c.Conn.Write(c.out)
	return err
}

// part sends a last line, and reads what the peer still has to say, within bounds, so that the line arrives.
func (c *conn) part(line []byte) {
	if c.send(line) != nil {
		return
	}
	if half, ok := c.Conn.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		return
	}
	if c.SetReadDeadline(time.Now().Add(partTime)) == nil {
		_, _ = io.CopyN(io.Discard, c.Conn, partBytes)
	}
}
