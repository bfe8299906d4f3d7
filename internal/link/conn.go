package link

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// Conn puts addresses on interfaces and takes them off. Each call returns once the kernel
// has done it. It may have to wait for the kernel's one lock over all interfaces, which
// others can hold for milliseconds; nothing else can delay it.
//
// Changes need CAP_NET_ADMIN. Interfaces are named by their index: one that was deleted
// and made again has another, so that an order for the old one can't reach the new.
type Conn struct{ s *socket }

// Open opens a connection to the kernel's addresses.
func Open() (*Conn, error) {
	s, err := openSocket(0)
	if err != nil {
		return nil, err
	}
	return &Conn{s}, nil
}

// Close ends the connection. The addresses stay as they are.
func (c *Conn) Close() error { return c.s.close() }

// Add puts an address on an interface: see [Conn.AddAll].
func (c *Conn) Add(index int, p netip.Prefix) (added bool, err error) {
	all, err := c.AddAll(index, []netip.Prefix{p})
	return len(all) > 0, err
}

// AddAll puts addresses on an interface, many in one send. It returns those that were not
// there before; one that was is no error. One that the kernel refuses does not keep the
// others from being added; the error names it.
//
// IPv4 addresses are added as `ip address add` does, prefixes as they are given: with one
// shorter than /32 the route to it comes along, and where the prefix is new to the
// interface the address is its primary one, from which this host talks to it. IPv6
// addresses can be used at once (nodad), and are deprecated: valid forever, with preferred
// lifetime 0, so that no connection of this host's own leaves from them. An interface has
// an IPv6 address once: one that is there with another prefix length counts as there.
func (c *Conn) AddAll(index int, prefixes []netip.Prefix) (added []netip.Prefix, err error) {
	if err := valid(prefixes); err != nil {
		return nil, err
	}
	build := func(buf []byte, i int, seq uint32) []byte { return appendAdd(buf, seq, index, prefixes[i]) }
	not := make(map[int]bool)
	var refused refusals
	err = c.s.apply(len(prefixes), build, func(i int, r refusal) {
		not[i] = true
		if r.errno != unix.EEXIST {
			refused.add(prefixes[i], r)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("add addresses to %s: %w", c.s.name(index), explain(err, "", false))
	}
	for i, p := range prefixes {
		if !not[i] {
			added = append(added, p)
		}
	}
	return added, refused.error("add %s to %s", c, index)
}

// Remove takes an address off an interface: see [Conn.RemoveAll].
func (c *Conn) Remove(index int, p netip.Prefix) (removed bool, err error) {
	all, err := c.RemoveAll(index, []netip.Prefix{p})
	return len(all) > 0, err
}

// RemoveAll takes addresses off an interface, many in one send. It returns those that were
// there; one that was not, or on an interface that is gone, is no error. Address and prefix
// length must both be right. One that the kernel refuses to remove does not keep the
// others; the error names it.
//
// With an IPv4 address the kernel may drop others of the same prefix that were added after
// it. Those that were not to be removed are put back at once, just as they were; but routes
// that name them as their source are gone.
func (c *Conn) RemoveAll(index int, prefixes []netip.Prefix) (removed []netip.Prefix, err error) {
	if err := valid(prefixes); err != nil {
		return nil, err
	}
	var have []held
	if slices.ContainsFunc(prefixes, mayTakeAlong) {
		have, err = c.s.addresses(index, unix.AF_INET)
		if err != nil && !gone(err) {
			return nil, fmt.Errorf("read the addresses of %s: %w", c.s.name(index), explain(err, "", false))
		}
	}
	plan := planRemoval(have, prefixes)
	build := func(buf []byte, i int, seq uint32) []byte { return plan.request(buf, index, i, seq) }
	not := make(map[int]bool)
	var refused, lost refusals
	err = c.s.apply(plan.len(), build, func(i int, r refusal) {
		not[i] = true
		switch put := i - len(plan.order); {
		case put >= 0 && r.errno != unix.EEXIST:
			lost.add(plan.bystanders[put].Prefix, r)
		case put < 0 && r.errno != unix.EADDRNOTAVAIL && !gone(r):
			refused.add(plan.order[i], r)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("remove addresses from %s: %w", c.s.name(index), explain(err, "", false))
	}
	for i, p := range plan.order {
		if !not[i] {
			removed = append(removed, p)
		}
	}
	return removed, errors.Join(
		refused.error("remove %s from %s", c, index),
		lost.error("put back %s, which the kernel dropped together with a virtual address, on %s", c, index),
	)
}

// List asks the kernel for the addresses of an interface, in the order of
// [Interface].Addresses. An interface that is gone has none.
func (c *Conn) List(index int) ([]Address, error) {
	var list []Address
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		some, err := c.s.addresses(index, family)
		if err != nil && !gone(err) {
			return nil, fmt.Errorf("read the addresses of %s: %w", c.s.name(index), explain(err, "", false))
		}
		if family == unix.AF_INET6 {
			slices.SortFunc(some, func(a, b held) int { return compareIPv6(a.record, b.record) })
		}
		for _, h := range some {
			list = append(list, h.Address)
		}
	}
	return list, nil
}

func valid(prefixes []netip.Prefix) error {
	for _, p := range prefixes {
		if !p.IsValid() || p.Addr().Is4In6() {
			return fmt.Errorf("%s is no IPv4 or IPv6 address with a prefix length", p)
		}
	}
	return nil
}

// refusals gathers what the kernel refused, one sentence for each reason, since what is
// wrong with one address is often wrong with all.
type refusals struct {
	reasons []refusal
	first   []netip.Prefix
	count   []int
}

func (l *refusals) add(p netip.Prefix, r refusal) {
	at := slices.Index(l.reasons, r)
	if at < 0 {
		at = len(l.reasons)
		l.reasons, l.first, l.count = append(l.reasons, r), append(l.first, p), append(l.count, 0)
	}
	l.count[at]++
}

// error is nil where nothing was refused. The format takes the address and the interface.
func (l *refusals) error(format string, c *Conn, index int) error {
	var all []error
	for i, r := range l.reasons {
		name := c.s.name(index)
		what := l.first[i].String()
		if more := l.count[i] - 1; more > 0 {
			what = fmt.Sprintf("%s and %d more", what, more)
		}
		all = append(all, fmt.Errorf(format+": %w", what, name, explain(r, name, l.first[i].Addr().Is6())))
	}
	return errors.Join(all...)
}
