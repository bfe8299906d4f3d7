package heartbeat

import (
	"slices"
	"strings"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// name is what a mark is kept for.
type name struct{ id, service string }

// child is an id and service that checks wait for, or waited for until a moment ago.
type child struct {
	name    name
	secrets [][]byte
	keys    [][]byte // K(id), one for each secret; none: lines are not signed
	watches []*watch

	known bool // there is a mark
	mark  mark
	// carriers are who brought lines of the mark's instance.
	carriers []carrier
	held     []heldLine

	refuted   string // the instance that a poll named when it did not confirm what was held; empty: none did
	refutedAt time.Duration
	rival     rival
	drops     childDrops

	until time.Duration // of one without checks: when it is forgotten
}

// mark is the newest line that was accepted.
type mark struct {
	instance, seq uint64
	mac           string
	interval      time.Duration // how often the program says it sends; 0: not heard yet
	at            time.Duration // when it was fresh, dated once
	stalled       time.Duration // Ledger.stalled at that time
	heard         bool          // by this ledger; otherwise it was restored, and at is when its clock started
	confirmed     bool          // its instance, by a poll
}

// carrier is who brings the lines of a child: a relay, or nobody but the child itself.
type carrier struct {
	relay *relay // nil: the child itself
	seq   uint64 // the newest that it brought
	// Of a relay: the age that it last gave to that line, in which round, and how many of its complete rounds there were
	// by then.
	age      time.Duration
	round    roundID
	complete uint64
}

// maxCarriers bounds the carriers of a child.
const maxCarriers = 8

// carry notes that a relay, or nil, brought the line with that seq.
func (c *child) carry(via *arrival, seq uint64) {
	i := slices.IndexFunc(c.carriers, func(k carrier) bool { return k.relay == via.relay })
	if i < 0 {
		if len(c.carriers) < maxCarriers {
			c.carriers = append(c.carriers, carrier{})
			i = len(c.carriers) - 1
		} else {
			i = 0
			for j := range c.carriers {
				if c.carriers[j].seq < c.carriers[i].seq {
					i = j
				}
			}
		}
		c.carriers[i] = carrier{relay: via.relay, seq: seq}
	}
	k := &c.carriers[i]
	if via.relay == nil {
		k.seq = seq
		return
	}
	switch {
	case seq != k.seq || k.round.before(via.round):
		k.age, k.round = via.age, via.round
	case k.round == via.round: // the line from another source of the relay's: it had it for as long as it had the first
		k.age = max(k.age, via.age)
	}
	k.seq = seq
	k.complete = max(k.complete, via.complete)
}

// newer tells whether a line is above the mark.
func (c *child) newer(instance, seq uint64) bool {
	return !c.known || instance > c.mark.instance || instance == c.mark.instance && seq > c.mark.seq
}

// rival is another program that claims the id, or the same after its clock went back: its lines are rightly signed and
// of an earlier start than the mark's.
type rival struct {
	instance uint64
	at       time.Duration // when it was last heard
	heard    bool
	looked   time.Duration // when a mac was last looked at for this
	ever     bool          // that one was
}

// rivalry is for how long a rival is remembered that is not heard again, and that a poll refuted one.
const rivalry = time.Minute

// childDrops are the lines of a child that were dropped since one was accepted.
type childDrops struct {
	count   uint64
	last    Verdict
	example Example
}

func (d *childDrops) add(v Verdict, e Example) {
	d.count++
	if d.count == 1 || e.At-d.example.At >= exampleEvery {
		e.ID, e.Relay = "", strings.Clone(e.Relay)
		d.last, d.example = v, e
	}
}

// pollable returns the check of the child by which it is polled to confirm an instance, nil if there is none.
func (c *child) pollable() *watch {
	for _, w := range c.watches {
		if w.check.Fallback {
			return w
		}
	}
	return nil
}

// keep makes a line fit to be kept: it holds on to no more memory than it needs.
func keep(h wire.Heartbeat) wire.Heartbeat {
	h.ID, h.Service, h.Reason, h.MAC = "", "", strings.Clone(h.Reason), strings.Clone(h.MAC)
	h.State = wire.State(strings.Clone(string(h.State)))
	return h
}
