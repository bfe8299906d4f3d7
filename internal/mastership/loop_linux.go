package mastership

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mainstay-lvs/mainstay/internal/link"
	"github.com/mainstay-lvs/mainstay/vrrp"
)

const (
	// drainLimit bounds the packets read from a socket in one turn: a flood costs time,
	// and can't keep the timers from acting.
	drainLimit = 256
	// statusInterval is how often the counters are told where nothing else happens.
	statusInterval = time.Second
	// retryInterval is how often what failed is tried again.
	retryInterval = time.Second
)

// loop is the process: one thread that owns everything in it.
type loop struct {
	pipe      *pipe
	orphan    *orphanLog
	links     *link.Conn
	watcher   *link.Watcher
	conns     map[connKey]*vrrp.Conn
	routers   []*router // in the daemon's order; those that leave, too
	failovers []*failover
	lateness  vrrp.Lateness
	realTime  string // why not; empty: it is

	holdUntil time.Time // routers that start before it do not preempt until then
	leaving   bool      // it ends when the routers have
	statusAt  time.Time
	retryAt   time.Time
	news      bool // something changed that the daemon should hear of
	packet    [vrrp.ReceiveSize]byte
	polls     []unix.PollFd
}

// connKey is what one socket serves: an interface, by its number, and a family.
type connKey struct {
	index int
	ipv6  bool
}

// run goes on until the daemon has it stop, or is gone, and the routers have ended.
func (l *loop) run() error {
	now := time.Now()
	l.statusAt = now
	for {
		if err := l.wait(time.Now()); err != nil {
			return err
		}
		now = time.Now()
		// Advertisements come first: after a stall they may say that the timers are wrong.
		l.receive(now)
		l.readLinks(now)
		l.obey(now)
		l.fire(now)
		l.settle(now)
		l.retire(now)
		l.tell(now)
		if l.leaving && len(l.routers) == 0 {
			return nil
		}
	}
}

// wait waits until something is there to be read, or a timer is due.
func (l *loop) wait(now time.Time) error {
	l.polls = append(l.polls[:0], unix.PollFd{Fd: int32(l.watcher.FD()), Events: unix.POLLIN})
	if !l.pipe.broken {
		events := int16(unix.POLLIN)
		if len(l.pipe.out) > 0 {
			events |= unix.POLLOUT
		}
		l.polls = append(l.polls, unix.PollFd{Fd: int32(l.pipe.fd), Events: events})
	}
	for _, c := range l.conns {
		l.polls = append(l.polls, unix.PollFd{Fd: int32(c.FD()), Events: unix.POLLIN})
	}
	timeout := unix.NsecToTimespec(int64(max(0, l.next().Sub(now))))
	_, err := unix.Ppoll(l.polls, &timeout, nil)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("wait for something to happen: %w", err)
	}
	return nil
}

// next is when something is to be done though nothing happens.
func (l *loop) next() time.Time {
	next := l.statusAt.Add(statusInterval)
	if !l.retryAt.IsZero() {
		next = earlier(next, l.retryAt)
	}
	for _, r := range l.routers {
		next = earlier(next, r.Next())
	}
	return next
}

// earlier is the earlier of two times; the zero time is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// receive hands what has arrived to the routers it is for.
func (l *loop) receive(now time.Time) {
	for key, c := range l.conns {
		for range drainLimit {
			d, ok, err := c.Receive(l.packet[:])
			if err != nil || !ok {
				break
			}
			vrid, ok := vrrp.PeekVRID(d.Payload)
			if !ok {
				continue
			}
			for _, r := range l.routers {
				if r.conn == c && r.setup.VRID == vrid && r.setup.IPv6() == key.ipv6 {
					l.came(r, r.Receive(now, d))
				}
			}
		}
	}
}

// readLinks takes in the kernel's news of interfaces and addresses.
func (l *loop) readLinks(now time.Time) {
	changed, err := l.watcher.Read()
	if err != nil {
		l.warn("", err.Error())
		l.retryAt = earlier(l.retryAt, now.Add(retryInterval))
	}
	if len(changed) > 0 {
		l.look(now)
	}
}

// look brings all routers in line with their interfaces.
func (l *loop) look(now time.Time) {
	for _, r := range l.routers {
		if !r.ended {
			r.look(now)
			l.retryIf(r.unheard, now)
		}
	}
	l.tellFaults(now)
	l.closeUnused()
	l.news = true
}

func (l *loop) retryIf(needed bool, now time.Time) {
	if needed {
		l.retryAt = earlier(l.retryAt, now.Add(retryInterval))
	}
}

// listen finds or opens the socket of an interface and a family.
func (l *loop) listen(i link.Interface, ipv6 bool) (*vrrp.Conn, error) {
	key := connKey{i.Index, ipv6}
	if c := l.conns[key]; c != nil {
		return c, nil
	}
	c, err := vrrp.Listen(i.Index, i.Name, ipv6)
	if err != nil {
		return nil, err
	}
	l.conns[key] = c
	return c, nil
}

// closeUnused closes the sockets that no router uses any more.
func (l *loop) closeUnused() {
	for key, c := range l.conns {
		if !slices.ContainsFunc(l.routers, func(r *router) bool { return r.conn == c }) {
			_ = c.Close()
			delete(l.conns, key)
		}
	}
}

// virtual reports whether an address of an interface is one that we add to it.
func (l *loop) virtual(name string, p netip.Prefix) bool {
	return slices.ContainsFunc(l.routers, func(r *router) bool {
		return r.setup.Interface == name && slices.Contains(r.ours(), p)
	})
}

// holdPreemption is how long a router that starts now shall not preempt.
func (l *loop) holdPreemption(now time.Time) time.Duration { return max(0, l.holdUntil.Sub(now)) }

// fire lets the timers act that are due.
func (l *loop) fire(now time.Time) {
	for _, r := range l.routers {
		if due := r.Next(); !due.IsZero() && !due.After(now) {
			l.lateness.Record(now.Sub(due))
			r.do(now, vrrp.Event{Kind: vrrp.Timer})
		}
	}
	if !l.retryAt.IsZero() && !l.retryAt.After(now) {
		l.retryAt = time.Time{}
		l.retry(now)
	}
}

// retry tries again what failed.
func (l *loop) retry(now time.Time) {
	for _, r := range l.routers {
		if r.leftover && !r.Machine().Holding() {
			if err := r.RemoveAddresses(); err != nil {
				r.Warn(err.Error())
			}
		}
	}
	l.look(now)
}

// came takes in what a router's machine asked for, beyond what the router has done.
func (l *loop) came(r *router, effects []vrrp.Effect) {
	for _, e := range effects {
		switch e.Kind {
		case vrrp.Changed:
			l.news = true
			t := vrrp.Transition{At: time.Now(), From: e.From, To: e.To, Cause: e.Cause}
			l.send(Report{Transition: &RouterChange{Router: r.setup.Name, Transition: t}})
		case vrrp.FailedOver:
			l.failedOver(r, e.Done)
		case vrrp.Ended:
			r.ended = true
		}
	}
}

// retire forgets routers that have ended, and begins those that replace them.
func (l *loop) retire(now time.Time) {
	l.retryIf(slices.ContainsFunc(l.routers, func(r *router) bool { return r.leftover }), now)
	if !slices.ContainsFunc(l.routers, func(r *router) bool { return r.ended }) {
		return
	}
	for i, r := range l.routers {
		if !r.ended {
			continue
		}
		l.failedOver(r, false)
		r.unbind()
		if r.replace != nil {
			l.routers[i] = newRouter(l, *r.replace)
		}
	}
	l.routers = slices.DeleteFunc(l.routers, func(r *router) bool { return r.ended })
	l.begin(now)
}

// begin begins the routers that have not begun, and brings all in line with the host.
func (l *loop) begin(now time.Time) {
	var names []string
	for _, r := range l.routers {
		names = append(append(names, r.setup.Interface), r.setup.TrackInterfaces...)
	}
	if err := l.watcher.Follow(names...); err != nil {
		l.warn("", err.Error())
	}
	l.look(now)
	for _, r := range l.routers {
		if !r.begun {
			r.prioritise(now)
			r.begin(now)
		}
	}
	l.tellFaults(now)
	l.settle(now)
}
