package monitor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// ErrClosed is what Serve returns on a Monitor that was closed before.
var ErrClosed = errors.New("monitor: closed")

// life is a Monitor's course: made, serving once, leaving, over.
type life struct {
	mu      sync.Mutex
	served  context.Context // Serve's own; nil before it
	serving context.Context // of the self-checks, which outlives it by the leaving; nil before Serve
	checks  []*selfCheck
	close   chan struct{} // closed by Close
	leave   chan struct{} // closed when the program has begun to leave
	over    chan struct{} // closed when Serve has returned, or by Close when it never ran
	err     error         // what Serve returned; valid when over
}

func newLife() life {
	return life{close: make(chan struct{}), leave: make(chan struct{}), over: make(chan struct{})}
}

// addCheck lets a self-check run as soon as there is somebody to wait for it.
func (l *life) addCheck(c *selfCheck) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.serving == nil:
		l.checks = append(l.checks, c)
	case l.serving.Err() == nil:
		l.checks = append(l.checks, c)
		go c.run(l.serving)
	}
}

// begin starts the self-checks, for the one Serve of a Monitor's life.
func (l *life) begin(served, ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.close:
		return ErrClosed
	default:
	}
	if l.serving != nil {
		return errors.New("monitor: Serve was called before: a Monitor serves once, for all of its listeners")
	}
	l.served, l.serving = served, ctx
	for _, c := range l.checks {
		go c.run(ctx)
	}
	return nil
}

// endChecks waits for the self-checks, whose context has ended, and names those that do not return.
func (l *life) endChecks() error {
	l.mu.Lock()
	checks := l.checks
	l.mu.Unlock()
	limit := time.NewTimer(hangTime)
	defer limit.Stop()
	expired := false
	var left []string
	for _, c := range checks {
		if !expired {
			select {
			case <-c.done:
				continue
			case <-limit.C:
				expired = true
			}
		}
		select {
		case <-c.done:
		default:
			left = append(left, c.name)
		}
	}
	if left == nil {
		return nil
	}
	return fmt.Errorf("monitor: self-check %s did not return within %s of its context's end and is left behind",
		strings.Join(left, ", "), seconds(hangTime))
}

// ends tells whether the program leaves, or is about to.
func (l *life) ends() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.close:
		return true
	default:
		return l.served != nil && l.served.Err() != nil
	}
}

// end tells Close that Serve is over.
func (l *life) end(err error) {
	l.err = err
	close(l.over)
}

// ListenAndServe listens on a TCP address such as ":9651" and calls Serve.
func (m *Monitor) ListenAndServe(ctx context.Context, address string) error {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("monitor: %w", err)
	}
	return m.Serve(ctx, l)
}

// Serve runs the self-checks and answers on the listeners until Close is called or ctx ends, then leaves as Close
// describes, and returns nil. With no listeners it runs the self-checks only, for programs that use Answer or Respond.
// It owns the listeners and has closed them when it returns, whatever it returns.
//
// The error says that the Monitor was closed or served before, that a listener ended of itself, or which self-checks did
// not return when their context ended.
func (m *Monitor) Serve(ctx context.Context, listeners ...net.Listener) (err error) {
	defer func() {
		for _, l := range listeners {
			l.Close()
		}
	}()
	// The self-checks and the connections outlive ctx by the time that leaving takes.
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	if err := m.life.begin(ctx, run); err != nil {
		return err
	}
	defer func() { m.life.end(err) }()

	var peers sync.WaitGroup
	ended := make(chan error, len(listeners))
	for _, l := range listeners {
		peers.Go(func() { ended <- m.accept(run, l, &peers) })
	}
	select {
	case <-ctx.Done():
	case <-m.life.close:
	case err = <-ended:
	}
	m.depart()
	m.awaitTold()
	cancel()
	for _, l := range listeners {
		l.Close()
	}
	m.room.close()
	peers.Wait()
	return errors.Join(err, m.life.endChecks())
}

// accept takes connections from a listener until run ends. It returns an error only if the listener ends before.
func (m *Monitor) accept(run context.Context, l net.Listener, peers *sync.WaitGroup) error {
	var again retry
	for {
		accepted, err := l.Accept()
		switch {
		case run.Err() != nil:
			if err == nil {
				accepted.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("monitor: the listener on %s was closed by somebody else: %w", l.Addr(), err)
		case err != nil:
			// Out of file descriptors, or a peer that gave up: neither ends the monitor.
			m.noise.complain(unheard, "monitor can't accept", "listener", l.Addr(), "error", err)
			again.wait(run)
			continue
		}
		again = retry{}
		c := newConn(accepted)
		evicted, ok := m.room.enter(c)
		if evicted != nil {
			m.noise.complain(crowded, "monitor is crowded: closed the connection that is missed least",
				"peer", evicted.RemoteAddr(), "limit", maxConns)
			evicted.Close()
		}
		if !ok {
			c.Close()
			continue
		}
		peers.Go(func() { m.converse(run, c) })
	}
}

// depart lets every answer be maint from now on, and has those told who don't ask each time.
func (m *Monitor) depart() {
	m.leaving.Store(true)
	close(m.life.leave)
	m.room.wake(nil)
}

// awaitTold waits until all who have been asking have heard that the program is leaving, at most m.leave.
func (m *Monitor) awaitTold() {
	limit := time.NewTimer(max(m.leave, 0))
	defer limit.Stop()
	for !m.room.allTold(m.leave) {
		select {
		case <-limit.C:
			return
		case <-m.room.changed:
		}
	}
}

// Close ends the Monitor. While it does, every answer is maint with the reason "the program is stopping": those who watch
// and those whom Heartbeat tells get it at once, the others when they ask. It goes on until each connection that has been
// asking has heard that, or has ended, or Options.Leave is over. Then listeners and connections are closed and everything
// that Serve started is waited for.
//
// Close returns what Serve returns, and nil if Serve was never called. It may be called more than once, and before
// Serve, which then does not begin.
func (m *Monitor) Close() error {
	m.life.mu.Lock()
	select {
	case <-m.life.close:
	default:
		close(m.life.close)
		if m.life.serving == nil {
			m.depart()
			close(m.life.over)
		}
	}
	m.life.mu.Unlock()
	<-m.life.over
	return m.life.err
}
