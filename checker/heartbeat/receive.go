package heartbeat

import (
	"net/netip"
	"slices"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// arrival is how a line came.
type arrival struct {
	from  netip.AddrPort
	now   time.Duration
	id    string // whom it names
	relay *relay // that brought it; nil: none
	// Of a relay: the age that it gave, the round, and how many of its rounds will be complete with this one.
	age      time.Duration
	round    roundID
	complete uint64
}

// Receive takes a datagram and tells what became of it. The datagram is not kept.
func (l *Ledger) Receive(now time.Duration, from netip.AddrPort, datagram []byte) Verdict {
	l.received++
	via := arrival{from: from, now: now}
	if len(datagram) > wire.MaxDatagram {
		return l.drop(TooLong, &via, nil)
	}
	if wire.IsRelay(datagram) {
		return l.receiveRelay(now, from, datagram)
	}
	line, err := wire.CutHeartbeat(datagram)
	if err != nil {
		return l.drop(verdictOn(err), &via, nil)
	}
	return l.receiveLine(now, line, via)
}

// receiveLine judges a line in the order of what that costs.
func (l *Ledger) receiveLine(now time.Duration, raw []byte, via arrival) Verdict {
	h, err := wire.ParseHeartbeat(raw)
	if err != nil {
		return l.drop(verdictOn(err), &via, nil)
	}
	via.id = h.ID
	c := l.children[name{h.ID, h.Service}]
	if c == nil {
		if l.ids[h.ID] > 0 {
			return l.drop(WrongService, &via, nil)
		}
		return l.drop(UnknownID, &via, nil)
	}
	if v := via.takeAge(h); v != Accepted {
		return l.drop(v, &via, c)
	}
	if via.relay != nil && !via.relay.signed && len(c.keys) > 0 {
		return l.drop(UnsignedRelay, &via, c)
	}
	if !c.newer(h.Instance, h.Seq) {
		return l.receiveOld(now, c, h, raw, &via)
	}
	if c.seen(h.Instance, h.Seq) {
		return l.count(Repeat, &via)
	}
	if v := c.verify(raw); v != Accepted {
		if via.relay != nil {
			v = ChildBadMAC
		}
		return l.drop(v, &via, c)
	}
	at := now - via.age
	if via.relay != nil && c.known && c.mark.heard && at <= c.mark.at {
		return l.drop(TooOld, &via, c)
	}
	line := heldLine{line: keep(h), at: at, via: via}
	jump := !c.known || h.Instance != c.mark.instance
	if jump && c.pollable() != nil {
		l.count(Held, &via)
		l.hold(now, c, line)
		return Held
	}
	l.count(Accepted, &via)
	l.accept(now, c, line, !jump && c.mark.confirmed)
	return Accepted
}

// takeAge notes the age of a line, which those of relays have and others don't.
func (via *arrival) takeAge(h wire.Heartbeat) Verdict {
	switch {
	case via.relay == nil && h.Age.Given:
		return AgeFromChild
	case via.relay != nil && !h.Age.Given:
		return NoAge
	case h.Age.Value > uint64(MaxAge/time.Millisecond):
		return TooOld
	}
	via.age = time.Duration(h.Age.Value) * time.Millisecond
	return Accepted
}

// verify judges the mac of a line.
func (c *child) verify(raw []byte) Verdict {
	if len(c.keys) == 0 {
		return Accepted
	}
	if err := wire.VerifyHeartbeat(raw, c.keys...); err != nil {
		return verdictOn(err)
	}
	return Accepted
}

// receiveOld takes a line that is not above the mark. A copy of the mark's own line shows that the relay which brings
// it carries the child: its mac, which was right the first time, says so. That makes nothing fresh.
func (l *Ledger) receiveOld(now time.Duration, c *child, h wire.Heartbeat, raw []byte, via *arrival) Verdict {
	switch {
	case h.Instance < c.mark.instance:
		return l.receiveEarlier(now, c, h, raw, via)
	case h.Seq < c.mark.seq:
		return l.drop(OldSeq, via, c)
	}
	if via.relay != nil && h.MAC == c.mark.mac {
		// The line is as old as it was found to be when it was new, whatever age it is given now.
		if c.mark.heard {
			via.age = max(via.age, now-c.mark.at-(l.stalled-c.mark.stalled))
		}
		c.carry(via, h.Seq)
		for _, w := range c.watches {
			if w.state != fresh && w.state != silent || w.state == fresh && now > l.deadline(w) {
				l.look(now, w)
			}
		}
	}
	return l.count(Repeat, via)
}

// receiveEarlier takes a line of a program that by its clock started before the one last heard: another one that claims
// the id, a recording, or the same program after its clock was set back. While the one last heard is silent a poll may
// say that this one runs.
func (l *Ledger) receiveEarlier(now time.Duration, c *child, h wire.Heartbeat, raw []byte, via *arrival) Verdict {
	if c.seen(h.Instance, h.Seq) {
		return l.count(Repeat, via)
	}
	at, r, w := now-via.age, &c.rival, c.pollable()
	news := w != nil && w.state != fresh && (!c.mark.heard || at > c.mark.at)
	if !news && r.ever && now-r.looked < c.watches[0].check.Interval {
		return l.drop(OldInstance, via, c) // a mac is much work for what will be dropped
	}
	r.ever, r.looked = true, now
	if c.verify(raw) != Accepted {
		return l.drop(OldInstance, via, c)
	}
	r.heard, r.at, r.instance = true, now, h.Instance
	if !news {
		return l.drop(OldInstance, via, c)
	}
	l.hold(now, c, heldLine{line: keep(h), at: at, via: *via})
	return l.count(Held, via)
}

// accept makes a line the mark of its child and tells what it says. It was counted before.
func (l *Ledger) accept(now time.Duration, c *child, k heldLine, confirmed bool) {
	h := k.line
	if !c.known || h.Instance != c.mark.instance {
		c.carriers, c.refuted = nil, ""
		c.rival.heard = c.rival.heard && c.rival.instance != h.Instance
	}
	c.known = true
	c.mark = mark{
		instance: h.Instance, seq: h.Seq, mac: h.MAC, interval: h.Interval,
		at: k.at, stalled: l.stalled, heard: true, confirmed: confirmed,
	}
	c.carry(&k.via, h.Seq)
	c.drops = childDrops{}
	l.setHeld(c, slices.DeleteFunc(c.held, func(k heldLine) bool { return !c.newer(k.line.Instance, k.line.Seq) }))
	if now-c.rival.at > rivalry {
		c.rival.heard = false
	}
	if now-c.refutedAt > rivalry {
		c.refuted = ""
	}
	h.ID, h.Service = c.name.id, c.name.service
	for _, w := range c.watches {
		if was := w.state; now > l.deadline(w) {
			// It is old already: it says nothing of the present.
			if was == unheard || was == nothing {
				w.state = restored
			}
			l.look(now, w)
			continue
		}
		w.state = fresh
		l.find(w, Said, h, w.pace())
		l.look(now, w)
	}
}

// drop counts a verdict that drops something, of a child where that is known.
func (l *Ledger) drop(v Verdict, via *arrival, c *child) Verdict {
	if c != nil && v.Dropped() {
		c.drops.add(v, via.example())
	}
	return l.count(v, via)
}

// count counts a verdict.
func (l *Ledger) count(v Verdict, via *arrival) Verdict {
	if v == Accepted {
		l.heardAt, l.heardStalled = via.now, l.stalled
	}
	l.tally.add(v, via.example())
	return v
}

func (via *arrival) example() Example {
	e := Example{At: via.now, From: via.from, ID: via.id}
	if via.relay != nil {
		e.Relay = via.relay.id
	}
	return e
}
