package monitor

import (
	"net/netip"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// nursery is what a relay has received: of each child, the newest line from each address that sends for it. It judges no
// mac, for it has no child's key; so it does not let one address displace what another has sent, and leaves it to the
// directors to find out which line is true. It only reckons: what the time is it is told.
type nursery struct {
	room     int // the bytes that a datagram has for children's lines
	children map[childKey][]*child
	order    []*child // in the order in which they came
}

// childKey names a child: one sender's one service.
type childKey struct{ id, service string }

// child is what one address sends for an id and service.
type child struct {
	key  childKey
	from netip.Addr
	now  heard  // the newest line
	then heard  // the line at the beginning of a round, if another has come since
	rest uint64 // the round that then is of
}

// heard is a line as it came.
type heard struct {
	line          []byte
	instance, seq uint64
	at            time.Time
}

// ageRoom is the most that an age adds to a line: " age=" and seven digits.
const ageRoom = len(" age=") + 7

// mostAge is the longest age that fits.
const mostAge = 9_999_999 * time.Millisecond

func newNursery(room int) nursery { return nursery{room: room, children: make(map[childKey][]*child)} }

// cost is what a line takes of a datagram.
func cost(line []byte) int { return len(line) + ageRoom + len("\n") }

// hear keeps what one datagram says, or tells why not. Round is the present one.
func (n *nursery) hear(datagram []byte, from netip.Addr, now time.Time, round uint64) drop {
	if wire.IsRelay(datagram) {
		return dropRelay
	}
	line, err := wire.CutHeartbeat(datagram)
	if err != nil {
		return dropOf(err)
	}
	said, err := wire.ParseHeartbeat(line)
	switch {
	case err != nil:
		return dropOf(err)
	case said.Age.Given:
		return dropAged
	case cost(line) > n.room || len(line)+ageRoom >= wire.MaxLine:
		return dropUnfit
	}
	key := childKey{said.ID, said.Service}
	c, why := n.find(key, from)
	if why != kept {
		return why
	}
	if c == nil {
		c = n.add(key, from)
	} else if c.now.supersedes(said, now) {
		return dropOld
	}
	c.keep(heard{line: line, instance: said.Instance, seq: said.Seq, at: now}, round)
	return kept
}

// supersedes tells whether the line is to be kept rather than the one that came now. Newer is a later start of the
// program, then a higher seq. A line that has not been renewed when the sender's next one was due makes room for any
// other: so a sender whose clock was set back is heard again, and a forged line of the far future does not silence it.
func (h heard) supersedes(said wire.Heartbeat, now time.Time) bool {
	switch {
	case said.Instance == h.instance && said.Seq == h.seq:
		return true
	case now.Sub(h.at) > said.Interval+said.Interval/2:
		return false
	case said.Instance == h.instance:
		return said.Seq < h.seq
	}
	return said.Instance < h.instance
}

// find returns what the address has sent for the child. Where that is nothing, and there is no place for it either, the
// drop says why.
func (n *nursery) find(key childKey, from netip.Addr) (*child, drop) {
	sources := n.children[key]
	for _, c := range sources {
		if c.from == from {
			return c, kept
		}
	}
	switch {
	case len(sources) >= maxSources:
		return nil, dropSources
	case len(n.order) >= maxChildren:
		return nil, dropFull
	}
	return nil, kept
}

func (n *nursery) add(key childKey, from netip.Addr) *child {
	c := &child{key: key, from: from}
	n.children[key] = append(n.children[key], c)
	n.order = append(n.order, c)
	return c
}

// keep keeps a copy of the line, and for the rest of a round the one that was there when it began.
func (c *child) keep(h heard, round uint64) {
	if c.rest != round {
		c.rest = round
		c.now, c.then = c.then, c.now
	}
	h.line = append(c.now.line[:0], h.line...)
	c.now = h
}

// began is the line that was there when the round began.
func (c *child) began(round uint64) heard {
	if c.rest == round {
		return c.then
	}
	return c.now
}

// forget drops the children that have been silent for too long.
func (n *nursery) forget(now time.Time) {
	stay := n.order[:0]
	for _, c := range n.order {
		if now.Sub(c.now.at) <= forgetTime {
			stay = append(stay, c)
			continue
		}
		n.remove(c)
	}
	clear(n.order[len(stay):])
	n.order = stay
}

func (n *nursery) remove(c *child) {
	var others []*child
	for _, other := range n.children[c.key] {
		if other != c {
			others = append(others, other)
		}
	}
	if others == nil {
		delete(n.children, c.key)
		return
	}
	n.children[c.key] = others
}
