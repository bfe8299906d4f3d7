package monitor

import (
	"net"
	"sync"
	"time"
)

// conn is one connection of a peer. Its lower part is guarded by the room's lock.
type conn struct {
	net.Conn
	awaited time.Duration // how long a line may take once its first byte is there; 0 when that byte has come

	asked bool      // it has sent a request
	since time.Time // when it last did, or when it came
	told  bool      // it has heard that the program is leaving
}

// room holds the connections, at most maxConns of them.
type room struct {
	mu      sync.Mutex
	conns   map[*conn]struct{}
	closed  bool
	oneShot time.Time     // when a peer last asked and hung up: one that will come on a new connection
	changed chan struct{} // a connection ended or was told; capacity 1
}

func newRoom() room {
	return room{conns: make(map[*conn]struct{}), changed: make(chan struct{}, 1)}
}

// enter takes a connection in. Where the room is full another one has to go, and is returned for the caller to close.
// It is not ok when the room is closed.
func (r *room) enter(c *conn) (evicted *conn, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, false
	}
	c.since = time.Now()
	if len(r.conns) >= maxConns {
		evicted = r.leastMissed()
		delete(r.conns, evicted)
		r.signal()
	}
	r.conns[c] = struct{}{}
	return evicted, true
}

// leastMissed returns the connection that goes first: the longest silent of those that have never asked, or, when all
// have, the one that has not asked for longest. A director asks as soon as it is connected and then each interval, so
// it is the last to be chosen; those who only hold connections open are the first.
func (r *room) leastMissed() *conn {
	var least *conn
	for c := range r.conns {
		switch {
		case least == nil, least.asked && !c.asked, least.asked == c.asked && c.since.Before(least.since):
			least = c
		}
	}
	return least
}

// exit forgets a connection that has ended.
func (r *room) exit(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, here := r.conns[c]; here && c.asked && !c.told {
		r.oneShot = time.Now()
	}
	delete(r.conns, c)
	r.signal()
}

// heard notes that a request, or what stands for one, has come over the connection.
func (r *room) heard(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.asked, c.since = true, time.Now()
}

// answered notes that an answer went out, and whether it said that the program is leaving.
func (r *room) answered(c *conn, leaving bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if leaving {
		c.told = true
		r.signal()
	}
}

// allTold tells whether everyone who has been asking has heard that the program is leaving. Peers that connect for each
// request can't be seen to have heard it, so as long as one asked within the last leave there may be more to tell.
func (r *room) allTold(leave time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.oneShot.IsZero() && time.Since(r.oneShot) < leave {
		return false
	}
	for c := range r.conns {
		if c.asked && !c.told {
			return false
		}
	}
	return true
}

// close closes every connection, and lets no other in.
func (r *room) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for c := range r.conns {
		c.Close()
	}
}

// signal says that something changed; the caller holds the lock.
func (r *room) signal() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}
