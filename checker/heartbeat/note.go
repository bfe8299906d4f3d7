package heartbeat

import (
	"fmt"
	"strings"
	"time"
)

// Note says in words how a check stands, for `mainstay explain`; empty where the check is not there.
func (l *Ledger) Note(now time.Duration, h Handle) string {
	w := l.watches[h]
	if w == nil {
		return ""
	}
	c := w.child
	var said []string
	switch {
	case len(c.held) > 0:
		said = append(said, "heard from "+c.held[len(c.held)-1].via.from.String()+", and not believed: no poll of the fallback has confirmed this start")
	case !c.known:
		said = append(said, "never heard")
	case !c.mark.heard:
		said = append(said, "not heard since this director began to listen")
	default:
		said = append(said, "heard "+span(now-c.mark.at, w.check.limit())+" ago")
	}
	if c.known {
		said = append(said, c.through(w))
		if !c.mark.confirmed {
			said = append(said, "unconfirmed: no poll has said that this instance runs")
		}
	}
	if w.polling {
		said = append(said, "polled meanwhile")
	}
	if pace := w.pace(); pace != "" {
		said = append(said, pace)
	}
	if c.rival.heard && now-c.rival.at < rivalry {
		said = append(said, c.rivalText())
	}
	if c.refuted != "" {
		said = append(said, "those of another start are not confirmed: the program says instance "+c.refuted)
	}
	if n := c.drops.count; n > 0 {
		said = append(said, fmt.Sprintf("%d dropped since, the last %s ago as %s from %s", n,
			span(now-c.drops.example.At, time.Second), c.drops.last, c.drops.example.From))
	}
	return strings.Join(said, "; ")
}

// through says who brings a child's lines.
func (c *child) through(w *watch) string {
	var ways []string
	for i := range c.carriers {
		switch k := &c.carriers[i]; {
		case !w.relevant(k):
		case k.relay == nil:
			ways = append(ways, "directly")
		default:
			ways = append(ways, "through "+k.relay.id)
		}
	}
	if ways == nil {
		return "by nobody any more"
	}
	return strings.Join(ways, ", ")
}
