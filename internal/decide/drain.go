package decide

import (
	"time"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

// drainPoll is how often the connections of draining servers are read.
const drainPoll = time.Second

// The reasons why a drained server is out, besides a timeout.
const (
	overUnlisted  = "not in the table"
	overNoTimeout = "out at once: drain_timeout is 0"
	overEmpty     = "out: no connections left"
)

// drainOf returns the course of a server's drain after now: none, begun, going on,
// or over.
func (d *decider) drainOf(c *candidate) Drain {
	drain := c.was.Drain
	switch {
	case c.health.drain != nil:
		drain.Check = c.health.drain.Name
	case drain.Check != "" && (c.leaving || c.health.serving(drain.Check)):
		drain.Check = ""
	}
	override := c.in.Override
	if drain.Check == "" && !override.Drain && !c.leaving {
		return Drain{}
	}

	if drain.Since.IsZero() && override.Drain {
		drain.Since = override.Since
	}
	if drain.Since.IsZero() || drain.Since.After(d.now) {
		drain.Since = d.now
	}
	if drain.Zero.IsZero() || drain.Zero.After(d.now) || c.was.Entry.Weight > 0 {
		drain.Zero = d.now
	}
	if drain.Over == "" {
		drain.Over = d.drainOver(c, drain)
	}
	return drain
}

// drainOver says why a drain is over, or nothing while it goes on.
func (d *decider) drainOver(c *candidate, drain Drain) string {
	timeout := d.service.DrainTimeout
	switch {
	case !c.was.Listed:
		return overUnlisted
	case timeout <= 0:
		return overNoTimeout
	case !d.now.Before(drain.Since.Add(timeout)):
		return "out after its drain_timeout of " + timeout.String() + c.cut(d.service.Head, drain)
	case c.in.Connections.countFor(drain) && c.in.Connections.left(d.service.Head) == (left{}):
		return overEmpty
	}
	return ""
}

// cut says how many connections a timeout cuts, where that is known.
func (c *candidate) cut(service ipvs.Service, drain Drain) string {
	if !c.in.Connections.countFor(drain) {
		return ""
	}
	return " with " + c.in.Connections.left(service).String() + " left"
}

// countFor reports whether connections were read after the server's weight went to
// 0. Those read before do not know the connections that came in between.
func (c Connections) countFor(drain Drain) bool { return c.At.After(drain.Zero) }

// left are the connections that a drain waits for.
type left struct{ connections, clients uint64 }

// left returns the connections that a drain waits for: the active ones of TCP and
// SCTP; all of UDP and of a firewall mark, which may carry it; and with persistence
// the clients bound to the server.
func (c Connections) left(service ipvs.Service) left {
	l := left{connections: uint64(c.Active)}
	if service.Protocol != ipvs.TCP && service.Protocol != ipvs.SCTP {
		l.connections += uint64(c.Inactive)
	}
	if service.Persistence.Timeout > 0 {
		l.clients = uint64(c.Persistent)
	}
	return l
}

// drainNext is when a drain that goes on must be looked at again.
func (d *decider) drainNext(drain Drain) time.Time {
	return earliest(d.now.Add(drainPoll), drain.Since.Add(d.service.DrainTimeout))
}
