package heartbeat

import (
	"slices"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

const (
	// maxHeld bounds the instances that a child's lines are held of.
	maxHeld = 4
	// atOnce is how many children that wait for a confirmation are polled without delay; when more do, as after a
	// director's start, polls are spread over an interval.
	atOnce = 8
)

// heldLine is the newest line of an instance that a poll is to confirm.
type heldLine struct {
	line wire.Heartbeat
	at   time.Duration // when it was fresh
	via  arrival
}

// hold keeps a line until a poll has confirmed its instance.
func (l *Ledger) hold(now time.Duration, c *child, h heldLine) {
	first := len(c.held) == 0
	held := c.held
	i := slices.IndexFunc(held, func(o heldLine) bool { return o.line.Instance == h.line.Instance })
	if i < 0 && len(held) == maxHeld {
		i = 0 // in place of the one that has waited longest
		for j := range held {
			if held[j].at < held[i].at {
				i = j
			}
		}
	}
	if i >= 0 {
		held[i] = h
	} else {
		held = append(held, h)
	}
	l.setHeld(c, held)
	if w := c.pollable(); first && w != nil {
		l.look(now, w)
	}
}

// seen tells whether a line that is held is not older than this one.
func (c *child) seen(instance, seq uint64) bool {
	return slices.ContainsFunc(c.held, func(h heldLine) bool { return h.line.Instance == instance && h.line.Seq >= seq })
}

// earlier tells whether a line that is held is of a start before the mark's.
func (c *child) earlier(k heldLine) bool { return c.known && k.line.Instance < c.mark.instance }

// poll asks for a poll where one is due, and returns when the next is.
func (l *Ledger) poll(now time.Duration, w *watch) (next time.Duration, polled bool) {
	c := w.child
	by := c.pollable()
	// What nobody renews may be a recording.
	l.setHeld(c, slices.DeleteFunc(c.held, func(k heldLine) bool { return by == nil || now-k.at > by.check.limit() }))
	confirming := len(c.held) > 0 && by == w
	if !w.check.Fallback || !confirming && !w.state.polled() {
		w.polling = false
		return 0, false
	}
	// What was polled for another reason a moment ago keeps its pace.
	soonest := now
	if w.asked {
		soonest = max(now, w.lastAsk+w.check.Interval)
	}
	switch {
	case confirming && l.holding <= atOnce:
		if !w.polling || w.pollAt > soonest {
			w.pollAt = soonest
		}
	case !w.polling:
		w.pollAt = max(soonest, now+w.check.spread())
	}
	w.polling = true
	if now >= w.pollAt {
		l.find(w, Ask, wire.Heartbeat{}, "")
		w.asked, w.lastAsk, w.pollAt = true, now, now+w.check.Interval
	}
	return w.pollAt, true
}

// setHeld changes what is held of a child.
func (l *Ledger) setHeld(c *child, held []heldLine) {
	if len(c.held) > 0 {
		l.holding--
	}
	if c.held = held; len(held) > 0 {
		l.holding++
	}
}

// Hurry has a check that is polled polled again soon, so long after it was polled last.
func (l *Ledger) Hurry(now time.Duration, h Handle, every time.Duration) {
	if w := l.watches[h]; w != nil && w.polling && w.asked {
		w.pollAt = min(w.pollAt, max(now+1, w.lastAsk+every))
		l.lookSoon(w, w.pollAt)
	}
}

// Polled takes the outcome of a poll that a finding asked for: the instance of the program that answered, empty where
// none did. It tells whether the outcome is one of the check's results; where it confirmed a line, that line is.
func (l *Ledger) Polled(now time.Duration, h Handle, instance string) (counts bool) {
	w := l.watches[h]
	if w == nil {
		return false
	}
	c := w.child
	if instance == "" || len(c.held) == 0 {
		return w.state.polled()
	}
	held := c.held
	l.setHeld(c, nil)
	for _, k := range held {
		if wire.FormatInstance(k.line.Instance) != instance {
			c.refuted, c.refutedAt = instance, now
			l.drop(NotConfirmed, &k.via, c)
		}
	}
	for _, k := range held {
		if wire.FormatInstance(k.line.Instance) == instance && (c.earlier(k) || c.newer(k.line.Instance, k.line.Seq)) {
			l.accept(now, c, k, true)
			return false
		}
	}
	return w.state.polled()
}
