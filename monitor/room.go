package monitor

import (
	"sync"
	"sync/atomic"
	"time"
)

// room holds the connections, at most maxConns of them.
type room struct {
	mu       sync.Mutex
	conns    map[*conn]struct{}
	closed   bool
	oneShot  time.Time     // when a peer last asked and hung up: one that will come on a new connection
	untold   int           // heartbeats that have not said that the program is leaving
	changed  chan struct{} // a connection ended or was told; capacity 1
	watchers atomic.Int32  // connections that watch: mostly there is none to wake
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
		r.unwatch(evicted)
		delete(r.conns, evicted)
		r.signal()
	}
	r.conns[c] = struct{}{}
	return evicted, true
}

// leastMissed returns the connection that goes first: the longest silent of those that have never asked, or, when all
// have, the one that has not asked for longest. A director asks as soon as it is connected and then each interval, or
// is told each interval, which is no less, so it is the last to be chosen; those who only hold connections open are the
// first.
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
	// One that watched is not among them: it comes again at once, or not at all.
	if _, here := r.conns[c]; here && c.asked && !c.told && !c.watching {
		r.oneShot = time.Now()
	}
	r.unwatch(c)
	delete(r.conns, c)
	r.signal()
}

// heard notes that a request, or what stands for one, has come over the connection.
func (r *room) heard(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.asked, c.since = true, time.Now()
}

// watches notes that a connection watches a service from now on; nil is one that the program doesn't have. It comes before
// the first look at the service, so that no change falls between.
func (r *room) watches(c *conn, s *Service) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unwatch(c)
	if _, here := r.conns[c]; here {
		c.watching, c.service = true, s
		r.watchers.Add(1)
	}
}

// watchesNoMore notes that a connection doesn't watch any more.
func (r *room) watchesNoMore(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unwatch(c)
}

// unwatch does the same; the caller holds the lock.
func (r *room) unwatch(c *conn) {
	if c.watching {
		c.watching, c.service = false, nil
		r.watchers.Add(-1)
	}
}

// wake lets those who watch a service look for a change; nil: those who watch any.
func (r *room) wake(s *Service) {
	if r.watchers.Load() == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		if c.watching && (s == nil || c.service == s) {
			c.wake()
		}
	}
}

// pulseBegins and pulseTold count the heartbeats that have to say that the program is leaving before it is gone.
func (r *room) pulseBegins() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.untold++
}

func (r *room) pulseTold() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.untold--
	r.signal()
}

// answered notes that an answer went out, and whether it said that the program is leaving.
func (r *room) answered(c *conn, leaving bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.watching {
		c.since = time.Now()
	}
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
	if r.untold > 0 || (!r.oneShot.IsZero() && time.Since(r.oneShot) < leave) {
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
