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
	// awakeLimit is how long the loop goes on without having slept once, for a flood of
	// packets; then it sleeps for a moment, which others get.
	awakeLimit, moment = 100 * time.Millisecond, 100 * time.Microsecond
	// statusInterval is how often the counters are told where nothing else happens.
	statusInterval = time.Second
	// leftoverLimit is how long a router that has ended goes on taking its addresses off.
	leftoverLimit = 10 * time.Second
	// daemonSilence is how long the daemon may not ping before it counts as gone: longer
	// than its watchdog lets it hang.
	daemonSilence = time.Minute
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
	garbage   *garbage
	realTime  string // why not; empty: it is

	holdUntil time.Time // routers that start before it do not preempt until then
	leaving   bool      // it ends when the routers have
	orphaned  bool      // the daemon is gone
	pinged    time.Time // when the daemon last was there
	warned    map[RouterWarning]time.Time
	dropped   []held // addresses that a reload took from a router that holds them
	statusAt  time.Time
	retryAt   time.Time
	news      bool // something changed that the daemon should hear of
	packet    [vrrp.ReceiveSize]byte
	polls     []unix.PollFd
	slept     time.Time // when the loop last waited for something
}

// held is an address on an interface.
type held struct {
	index  int
	prefix netip.Prefix
}

// connKey is what one socket serves: an interface, by its number, and a family.
type connKey struct {
	index int
	ipv6  bool
}

// run goes on until the daemon has it stop, or is gone, and the routers have ended.
func (l *loop) run() error {
	now := time.Now()
	l.statusAt, l.pinged = now, now
	for {
		if err := l.wait(time.Now()); err != nil {
			return err
		}
		now = time.Now()
		l.readLinks(now)
		l.obey(now)
		// Those may have taken their time. Advertisements come before timers: after a stall they
		// may say that the timers are wrong.
		now = time.Now()
		l.receive(now)
		l.fire(now)
		l.settle(now)
		l.retire(now)
		l.tell(now)
		l.garbage.tend(time.Now(), l.next())
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
	if err := sleep(l.polls, l.next().Sub(now)); err != nil {
		return err
	}
	// The kernel kills a thread of real-time priority that never sleeps (realTimeLimit).
	switch after := time.Now(); {
	case after.Sub(now) > moment:
		l.slept = after
	case after.Sub(l.slept) > awakeLimit:
		l.slept = after
		return sleep(nil, moment)
	}
	return nil
}

// sleep waits until there is something to be read, at most for a while.
func sleep(polls []unix.PollFd, most time.Duration) error {
	timeout := unix.NsecToTimespec(int64(max(0, most)))
	if _, err := unix.Ppoll(polls, &timeout, nil); err != nil && !errors.Is(err, unix.EINTR) {
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
	for _, c := range l.conns {
		for range drainLimit {
			d, ok, err := c.Receive(l.packet[:])
			if err != nil || !ok {
				break
			}
			if r := l.receiver(c, d); r != nil {
				l.came(r, r.Receive(now, d))
			}
		}
	}
}

// receiver is the router that a datagram is for; for those that are for none, the first
// one that listens there, to count them.
func (l *loop) receiver(c *vrrp.Conn, d vrrp.Datagram) *router {
	vrid, whole := vrrp.PeekVRID(d.Payload)
	var first *router
	for _, r := range l.routers {
		switch {
		case r.conn != c || r.ended:
		case whole && r.setup.VRID == vrid:
			return r
		case first == nil:
			first = r
		}
	}
	return first
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
			l.retryIf(r.unready || r.missing, now)
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

// virtual reports whether an address of an interface is one that a router holds there.
func (l *loop) virtual(name string, p netip.Prefix) bool {
	return slices.ContainsFunc(l.routers, func(r *router) bool {
		return r.setup.Interface == name && slices.Contains(r.setup.Held(), p)
	})
}

// heldByAnother reports whether another router than r holds an address of an interface.
func (l *loop) heldByAnother(r *router, index int, p netip.Prefix) bool {
	return slices.ContainsFunc(l.routers, func(o *router) bool {
		return o != r && o.index == index && o.Machine().Holding() && slices.Contains(o.setup.Held(), p)
	})
}

// removeDropped takes off what a reload dropped, but for what went to another router.
func (l *loop) removeDropped() {
	for _, d := range l.dropped {
		if l.heldByAnother(nil, d.index, d.prefix) {
			continue
		}
		if _, err := l.links.Remove(d.index, d.prefix); err != nil {
			l.warn("", err.Error())
		}
	}
	l.dropped = nil
}

// holdPreemption is how long a router that starts now shall not preempt.
func (l *loop) holdPreemption(now time.Time) time.Duration { return max(0, l.holdUntil.Sub(now)) }

// fire lets the timers act that are due.
func (l *loop) fire(now time.Time) {
	for _, r := range l.routers {
		if due := r.Next(); !due.IsZero() && !due.After(now) {
			l.lateness.Record(time.Since(due))
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
			r.ended, r.endedAt = true, time.Now()
		}
	}
}

// retire forgets routers that have ended, and begins those that replace them.
func (l *loop) retire(now time.Time) {
	l.retryIf(slices.ContainsFunc(l.routers, func(r *router) bool { return r.leftover }), now)
	// One that could not take its addresses off goes on trying for a while.
	over := func(r *router) bool { return r.ended && (!r.leftover || now.Sub(r.endedAt) > leftoverLimit) }
	if !slices.ContainsFunc(l.routers, over) {
		return
	}
	for i, r := range l.routers {
		if !over(r) {
			continue
		}
		l.failedOver(r, false)
		r.unbind()
		if r.replace != nil {
			l.routers[i] = newRouter(l, *r.replace)
		}
	}
	l.routers = slices.DeleteFunc(l.routers, over)
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
