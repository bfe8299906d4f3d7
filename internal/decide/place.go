package decide

import "time"

// place gives a server its place in the table.
func (d *decider) place(c *candidate) {
	quiesced := d.service.OnFailure == Quiesce && c.was.Listed
	switch c.state {
	case StateMaint:
	case StateDrain:
		if c.drain.Over == "" {
			d.list(c, 0)
		}
	case StateDown, StateStarting:
		switch {
		case c.held():
			c.listed, c.entry = true, c.was.Found
		case c.state == StateDown && d.failOpen && c.weight > 0:
			c.open = true
			d.list(c, c.weight)
		case c.health.verdict == Down && quiesced:
			d.list(c, 0)
		}
	case StateUp:
		d.list(c, d.upWeight(c))
	}
	if d.sorry {
		d.yield(c)
	}
	if c.listed {
		d.next = earliest(d.next, d.nextFor(c))
	}
}

// list puts a server into the table: as the file describes it, or as it was there
// when the file no longer does.
func (d *decider) list(c *candidate, weight int) {
	c.listed, c.entry = true, c.file.Server
	if c.leaving {
		c.entry = c.was.Entry
	}
	c.entry.Weight = weight
	if most := c.health.most; most.Given && !c.leaving {
		c.entry.MaxConnections = uint32(most.Value)
		c.entry.ResumeConnections = min(c.entry.ResumeConnections, c.entry.MaxConnections)
	}
}

// upWeight is the weight of a server that is up.
func (d *decider) upWeight(c *candidate) int {
	w, percent := c.weight, c.health.percent
	c.ramp = fullRamp
	if d.hash && len(c.health.checks) > 0 {
		c.applied, c.due = c.was.Applied.apply(d.now, percent, c.health.weight.Optional)
		w, percent = c.weightWith(c.applied.Weight), c.applied.Percent
	}
	if !c.recovered.IsZero() {
		c.ramp, _ = rampAt(d.now.Sub(c.recovered), d.service.SlowStart)
	}
	return weightOf(w, percent, c.ramp)
}

// nextFor is when a server in the table must be looked at again though nothing
// changes.
func (d *decider) nextFor(c *candidate) time.Time {
	switch {
	case c.state == StateDrain && c.drain.Over == "":
		return d.drainNext(c.drain)
	case c.state != StateUp || c.entry.Weight == 0 && c.due.IsZero():
		return time.Time{}
	case c.applied.Valid:
		return c.due
	case !c.recovered.IsZero():
		_, grows := rampAt(d.now.Sub(c.recovered), d.service.SlowStart)
		return c.recovered.Add(grows)
	}
	return time.Time{}
}
