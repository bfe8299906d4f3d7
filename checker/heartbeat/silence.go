package heartbeat

import (
	"fmt"
	"strings"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// deadline is until when a silence is allowed. What this process spent stalled does not count; where that was much of
// it, the silence may last twice as long.
func (l *Ledger) deadline(w *watch) time.Duration {
	m := &w.child.mark
	limit := w.check.limit()
	stalled := l.stalled - m.stalled
	if stalled > limit/10 {
		limit *= 2
	}
	return m.at + stalled + limit
}

// judge finds what is known of a check whose silence is too long, and returns when to look again.
func (l *Ledger) judge(now time.Duration, w *watch) time.Duration {
	switch l.evidence(now, w) {
	case pending:
		if w.state != restored {
			return now + max(w.check.limit()/8, 5*time.Millisecond)
		}
		l.beUnsure(now, w)
	case against:
		if w.state != silent {
			w.state = silent
			l.find(w, Silent, wire.Heartbeat{}, l.silentReason(now, w))
		}
	case none:
		if w.state != unsure {
			l.beUnsure(now, w)
		}
	}
	return now + w.check.Interval
}

// beUnsure tells that nothing is known.
func (l *Ledger) beUnsure(now time.Duration, w *watch) {
	w.state = unsure
	l.find(w, Unsure, wire.Heartbeat{}, l.unsureReason(now, w))
}

// evidence is what those who carried a child's lines say of its silence.
type evidence uint8

const (
	none    evidence = iota // nobody knows
	pending                 // some have yet to say
	against                 // all who can say so say that it is silent
)

// evidence asks all who brought lines of the child lately. Nobody who is silent himself is heard.
func (l *Ledger) evidence(now time.Duration, w *watch) evidence {
	waiting := now < l.deadline(w)+w.check.limit()
	found := none
	for i := range w.child.carriers {
		switch k := &w.child.carriers[i]; {
		case !w.relevant(k):
		case k.relay == nil && l.lossy(now, w.check.limit()):
			return none // its lines may be among those that were lost
		case k.relay == nil && w.check.Fallback && l.deaf(now, w.check.limit()):
			return none // nobody is heard: it may well be us
		case k.relay == nil, l.testifies(now, w, k):
			if found == none {
				found = against
			}
		case waiting && l.live(now, k.relay):
			found = pending
		}
	}
	return found
}

// deaf tells whether nothing at all that counts was heard for longer than a limit. Then this
// director may be what is wrong: its firewall, or its address.
func (l *Ledger) deaf(now, limit time.Duration) bool {
	return now-l.heardAt-(l.stalled-l.heardStalled) > limit
}

// relevant tells whether a carrier brought one of the last lines.
func (w *watch) relevant(k *carrier) bool {
	behind := w.child.mark.seq - k.seq
	return behind <= uint64(w.check.Misses)
}

// testifies tells whether a relay says that it hears nothing of the child either.
func (l *Ledger) testifies(now time.Duration, w *watch, k *carrier) bool {
	r, limit := k.relay, w.check.limit()
	if !l.live(now, r) {
		return false
	}
	if k.seq == w.child.mark.seq && k.age > limit {
		return true
	}
	return r.complete >= k.complete+uint64(w.check.Misses) && r.completeAt-r.since > limit
}

// live tells whether a relay's rounds come.
func (l *Ledger) live(now time.Duration, r *relay) bool {
	silence := now - r.last - (l.stalled - r.stalled)
	return r.heard && silence <= 3*r.interval
}

// direct returns how the child itself was heard lately, nil if it was not.
func (c *child) direct(w *watch) *carrier {
	for i := range c.carriers {
		if k := &c.carriers[i]; k.relay == nil && w.relevant(k) {
			return k
		}
	}
	return nil
}

// allowed completes "no heartbeat for 3.2s".
func (w *watch) allowed() string {
	text := fmt.Sprintf("%d x %s allowed", w.check.Misses, w.check.Interval)
	if pace := w.pace(); pace != "" {
		text += "; it " + pace
	}
	return "(" + text + ")"
}

// pace says that a program sends at another interval than its check wants; empty: it does not.
func (w *watch) pace() string {
	sent := w.child.mark.interval
	if sent == 0 || sent == w.check.Interval {
		return ""
	}
	return fmt.Sprintf("sends each %s, the file says %s", sent, w.check.Interval)
}

// span prints how long something lasts, as finely as its limit deserves.
func span(d, limit time.Duration) string {
	if limit >= time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Millisecond).String()
}

func (l *Ledger) silentReason(now time.Duration, w *watch) string {
	m := &w.child.mark
	text := "no heartbeat for " + span(now-m.at, w.check.limit())
	if !m.heard {
		text = "no heartbeat since this director began to listen " + span(now-m.at, w.check.limit()) + " ago"
	}
	return text + " " + w.allowed() + w.child.why()
}

func (l *Ledger) unsureReason(now time.Duration, w *watch) string {
	text := "nothing is known: "
	var relays []string
	for i := range w.child.carriers {
		k := &w.child.carriers[i]
		switch {
		case !w.relevant(k):
		case k.relay == nil && w.check.Fallback && !l.lossy(now, w.check.limit()):
			return text + "this director hears nobody at all: see its firewall and heartbeat_listen" + w.child.why()
		case k.relay == nil:
			return text + "this director lost heartbeats in its own socket" + w.child.why()
		case !k.relay.heard:
			relays = append(relays, "relay "+k.relay.id+" has not been heard yet")
		case !l.live(now, k.relay):
			relays = append(relays, fmt.Sprintf("relay %s is silent for %s", k.relay.id, span(now-k.relay.last, time.Second)))
		default:
			relays = append(relays, "relay "+k.relay.id+" says too little of it")
		}
	}
	if relays == nil {
		relays = []string{"nobody brings its heartbeats any more"}
	}
	return text + strings.Join(relays, ", ") + w.child.why()
}

func (c *child) unheardReason(w *watch) string {
	text := "no heartbeat heard yet"
	if len(c.held) > 0 {
		text = "no heartbeat confirmed yet"
	}
	return fmt.Sprintf("%s: of id %s, service %s%s", text, c.name.id, c.name.service, c.why())
}

// why says what may explain that a child is not heard; empty: nothing does.
func (c *child) why() string {
	switch {
	case len(c.held) > 0:
		return "; those of another start are not confirmed by a poll"
	case c.refuted != "":
		return "; those of another start are not confirmed: the program says instance " + c.refuted
	case c.rival.heard:
		return "; " + c.rivalText()
	case c.drops.count > 0:
		by := c.drops.example.From.String()
		if c.drops.example.Relay != "" {
			by = "relay " + c.drops.example.Relay
		}
		return fmt.Sprintf("; %d dropped since, the last as %s, from %s", c.drops.count, c.drops.last, by)
	}
	return ""
}

func (c *child) rivalText() string {
	return "two programs seem to claim this id, or the program's clock went back: one of an earlier start, " +
		wire.FormatInstance(c.rival.instance) + ", is heard too"
}
