package kernel

import (
	"golang.org/x/sys/unix"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

// Apply makes the changes in their order, many in one send. A change that the
// kernel refuses does not keep the others from being made; it is returned as a
// [Failure]. A change that finds the table already past it is turned into the
// right one: an add of what exists becomes an edit, an edit of what does not
// exist an add, and a delete of what does not exist is done.
//
// An error means that the state of the table is not known: read it and plan again.
func (c *Conn) Apply(changes []ipvs.Change) ([]Failure, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	refused, err := c.applyAll(changes)
	if err != nil {
		return nil, err
	}
	var second []ipvs.Change
	var failures []Failure
	for _, r := range refused {
		if instead, again := r.instead(); again {
			second = append(second, instead)
		} else if !r.pointless() {
			failures = append(failures, Failure{r.change, changeError(r.change, r.errno)})
		}
	}
	refused, err = c.applyAll(second)
	if err != nil {
		return failures, err
	}
	for _, r := range refused {
		failures = append(failures, Failure{r.change, changeError(r.change, r.errno)})
	}
	return failures, nil
}

// refusal is the kernel's answer to a change that it did not make.
type refusal struct {
	change ipvs.Change
	errno  unix.Errno
}

// instead returns the change to make in place of a refused one, if there is one.
// A server whose service was missing is tried again as it was, since the service
// stands before it in the list and is added by then.
func (r refusal) instead() (ipvs.Change, bool) {
	c := r.change
	switch {
	case c.Op == ipvs.AddService && r.errno == unix.EEXIST:
		c.Op = ipvs.EditService
	case c.Op == ipvs.EditService && r.errno == unix.ESRCH:
		c.Op = ipvs.AddService
	case c.Op == ipvs.AddServer && r.errno == unix.EEXIST:
		c.Op = ipvs.EditServer
	case c.Op == ipvs.EditServer && (r.errno == unix.ENOENT || r.errno == unix.ESRCH):
		c.Op = ipvs.AddServer
	case c.Op == ipvs.AddServer && r.errno == unix.ESRCH:
	default:
		return c, false
	}
	return c, true
}

// pointless reports a delete of what is not there: its end is reached.
func (r refusal) pointless() bool {
	return (r.change.Op == ipvs.DeleteServer || r.change.Op == ipvs.DeleteService) &&
		(r.errno == unix.ENOENT || r.errno == unix.ESRCH)
}

// applyAll sends the changes in as few sends as maxSend allows.
func (c *Conn) applyAll(changes []ipvs.Change) ([]refusal, error) {
	var refused []refusal
	for len(changes) > 0 {
		n, r, err := c.applySome(changes)
		if err != nil {
			return refused, tableError("write the IPVS table", err)
		}
		refused = append(refused, r...)
		changes = changes[n:]
	}
	return refused, nil
}

// applySome makes as many of the changes as fit in one send and returns their
// number. Only the last asks for an acknowledgement: the kernel works in order,
// so that when it comes, all refusals have come too.
func (c *Conn) applySome(changes []ipvs.Change) (int, []refusal, error) {
	const largest = 512 // more than any one change takes
	buf, n, last := c.out[:0], 0, 0
	first := c.seq + 1
	for n < len(changes) && len(buf)+largest <= maxSend {
		last = len(buf)
		buf = appendChange(buf, c.family, changes[n], c.next())
		n++
	}
	flags := native.Uint16(buf[last+6:])
	native.PutUint16(buf[last+6:], flags|unix.NLM_F_ACK)
	c.out = buf

	if err := c.send(buf); err != nil {
		return 0, nil, err
	}
	var refused []refusal
	for done := false; !done; {
		err := c.receive(func(a answer) {
			i := a.seq - first // answers to older requests wrap far beyond n
			if i >= uint32(n) || a.kind != unix.NLMSG_ERROR {
				return
			}
			if a.errno != 0 {
				refused = append(refused, refusal{changes[i], a.errno})
			}
			done = done || i == uint32(n-1)
		})
		if err != nil {
			return 0, nil, err
		}
	}
	return n, refused, nil
}
