package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mainstay-lvs/mainstay/monitor"
)

const (
	// maxConns is how many client connections are open at once; further ones wait in the kernel's queue.
	maxConns = 1024
	// idleTime is how long a client may be silent, frameTime how long one frame may take either way.
	idleTime  = 10 * time.Minute
	frameTime = 10 * time.Second
)

// server answers clients: it owns their connections and hands their requests to the pool.
type server struct {
	listener net.Listener
	pool     *pool
	service  *monitor.Service

	served, failed atomic.Uint64
	stopped        chan struct{} // closed by stop
	seats          chan struct{} // full when maxConns connections are open

	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

func newServer(l net.Listener, p *pool, s *monitor.Service) *server {
	return &server{
		listener: l, pool: p, service: s, stopped: make(chan struct{}),
		seats: make(chan struct{}, maxConns), conns: make(map[net.Conn]struct{}),
	}
}

// run accepts clients until stop is called. It returns when the last one has gone, and an error only if the listener
// failed. Requests that are open when ctx ends are answered as failed.
func (s *server) run(ctx context.Context) error {
	var clients sync.WaitGroup
	defer clients.Wait()
	for {
		select {
		case s.seats <- struct{}{}:
		case <-s.stopped:
			return nil
		}
		c, err := s.listener.Accept()
		switch {
		case s.stopping():
			if err == nil {
				c.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept clients: %w", err)
		case err != nil: // no file descriptor, or a client that gave up
			<-s.seats
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Millisecond):
			}
			continue
		}
		s.enter(c)
		clients.Go(func() {
			defer func() { s.exit(c); <-s.seats }()
			s.converse(ctx, c)
		})
	}
}

// stop takes no more clients, lets those that wait for an answer have it, and closes the others.
func (s *server) stop() {
	close(s.stopped)
	s.listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		// This ends a read that waits for a request. converse looks at stopping after it has set its own deadline, so
		// that one of the two always works.
		_ = c.SetReadDeadline(time.Now())
	}
}

func (s *server) stopping() bool {
	select {
	case <-s.stopped:
		return true
	default:
		return false
	}
}

func (s *server) enter(c net.Conn) {
	s.service.ConnOpened()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[c] = struct{}{}
}

func (s *server) exit(c net.Conn) {
	c.Close()
	s.service.ConnClosed()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// open returns the number of client connections.
func (s *server) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// converse answers one client, request by request, until it ends.
func (s *server) converse(ctx context.Context, c net.Conn) {
	in := bufio.NewReader(c)
	for {
		if c.SetReadDeadline(time.Now().Add(idleTime)) != nil || s.stopping() {
			return
		}
		if _, err := in.Peek(1); err != nil {
			return
		}
		if c.SetReadDeadline(time.Now().Add(frameTime)) != nil {
			return
		}
		r, err := readRequest(in)
		if err != nil {
			return
		}
		a := s.handle(ctx, r)
		s.count(a)
		if c.SetWriteDeadline(time.Now().Add(frameTime)) != nil || writeAnswer(c, a) != nil {
			return
		}
	}
}

// count tells the monitor how it went. What a client did wrong is no failure of the service.
func (s *server) count(a answer) {
	if a.status == failed {
		s.failed.Add(1)
		s.service.Failed()
		return
	}
	s.served.Add(1)
	s.service.Served()
}

// handle answers what is about the server itself, and gives the rest to the pool.
func (s *server) handle(ctx context.Context, r request) answer {
	switch r.kind {
	case stats:
		return s.stats()
	case stick:
		n, err := r.number(1 << 16)
		if err != nil {
			return answerf(refused, "stick: %v", err)
		}
		return answerf(done, "%d of %d workers asked to stick", s.pool.stick(int(n)), s.pool.workers)
	case unstick:
		s.pool.unstick()
		return answerf(done, "unstuck")
	case state:
		name, reason, _ := strings.Cut(string(r.argument), " ")
		said, err := monitor.ParseState(name)
		if err != nil {
			return answerf(refused, "state: %v", err)
		}
		s.service.SetState(said, reason)
		return answerf(done, "%s", said)
	case weight:
		percent, err := r.number(100)
		if err != nil {
			return answerf(refused, "weight: %v", err)
		}
		s.service.SetWeight(int(percent))
		return answerf(done, "%d", percent)
	}
	return s.pool.submit(ctx, r)
}

// stats says how the server is, as a JSON object.
func (s *server) stats() answer {
	text, err := json.Marshal(struct {
		Name        string `json:"name"`
		Workers     int    `json:"workers"`
		Stuck       int32  `json:"stuck"`
		Requests    int32  `json:"requests"`
		Connections int    `json:"connections"`
		Served      uint64 `json:"served"`
		Failed      uint64 `json:"failed"`
	}{s.pool.name, s.pool.workers, s.pool.stuck.Load(), s.pool.open.Load(), s.open(), s.served.Load(), s.failed.Load()})
	if err != nil {
		return answerf(failed, "stats: %v", err)
	}
	return answer{done, text}
}

// full is the server's self-check: a server that takes no more clients should not be sent any.
func (s *server) full(context.Context) error {
	if n := s.open(); n >= maxConns {
		return fmt.Errorf("all %d connections are in use", n)
	}
	return nil
}
