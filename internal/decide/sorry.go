package decide

import (
	"time"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

// sorryEntry is the sorry server as the table holds it. It has a weight, or it
// would serve nobody.
func sorryEntry(service *Service) ipvs.Server {
	entry := *service.Sorry
	entry.Weight = max(entry.Weight, 1)
	return entry
}

// sorryUsable reports whether there is a sorry server that may be sent to. One that
// is also a real server may not while that server is in drain or maint.
func sorryUsable(service *Service, candidates []candidate) bool {
	if service.Sorry == nil {
		return false
	}
	for i := range candidates {
		c := &candidates[i]
		if c.address == service.Sorry.Address && !c.leaving {
			return c.state != StateDrain && c.state != StateMaint
		}
	}
	return true
}

// yield makes way for the sorry server. Who would get new connections leaves the
// table; who is there with weight 0 stays with it, for its open connections. Before
// quorum is judged, who is served stays as well.
func (d *decider) yield(c *candidate) {
	served := c.was.Listed && c.was.Entry.Weight > 0
	switch {
	case c.address == d.service.Sorry.Address:
		c.listed, c.entry, c.asSorry = true, sorryEntry(d.service), true
	case !c.listed || c.entry.Weight == 0 || served && !d.judged:
		return
	case c.was.Listed && !served:
		c.entry.Weight, c.waits = 0, true
	default:
		c.listed, c.entry, c.waits = false, ipvs.Server{}, true
	}
	c.applied, c.due = Applied{}, time.Time{}
}
