package decide

import "slices"

// health is what a server's checks say together.
type health struct {
	checks []Check // one for each name in the configuration, in its order

	// verdict is Up when all checks are, Down when one is, and otherwise Unknown.
	// With last, it is that of an earlier decision, kept because a check has none
	// and none is down.
	verdict  Verdict
	last     bool
	starting bool   // of a Down verdict: every failed check is a program that is not ready yet
	percent  int    // the lowest that an up check reports, 0..100; 100 when none is up
	lowest   string // the name of the check that reports it; empty at 100
	weight   asked  // the lowest absolute weight that an up check asks for
	most     asked  // the lowest upper threshold, 0: none

	drain *Check // the first that asks for no new connections
	maint *Check // the first that asks for no traffic
}

// asked is a number that a check asked for, and the check's name.
type asked struct {
	Optional
	by string
}

// lower keeps the lower of two numbers, and who asked for it.
func (a *asked) lower(n Optional, by string) {
	if least := a.least(n); least != a.Optional {
		*a = asked{least, by}
	}
}

// judge puts the verdicts of a server's checks together. A server without checks
// is up.
func judge(names []string, checks []Check, was *ServerMemory) health {
	h := health{checks: lineUp(names, checks), verdict: Up, percent: 100, starting: true}
	unknown := false
	for i := range h.checks {
		switch c := &h.checks[i]; c.Verdict {
		case Up:
			h.up(c)
		case Down:
			h.verdict = Down
			h.starting = h.starting && c.Starting
		default:
			unknown = true
		}
	}
	h.starting = h.starting && h.verdict == Down
	if unknown {
		h.keepMaint(was)
	}
	if unknown && h.verdict == Up {
		h.verdict = Unknown
		h.keepLast(was)
	}
	return h
}

// keepMaint keeps a server out whose check asked for that and has no verdict now: it
// starts anew, perhaps under another name.
func (h *health) keepMaint(was *ServerMemory) {
	if was.Maint == "" || h.maint != nil {
		return
	}
	for _, c := range h.checks {
		if c.Name == was.Maint && c.Verdict != Unknown {
			return
		}
	}
	h.maint = &Check{Name: was.Maint, Reason: was.MaintReason}
}

// up takes account of one check that is up.
func (h *health) up(c *Check) {
	if percent := min(max(c.Percent, 0), 100); percent < h.percent {
		h.percent, h.lowest = percent, c.Name
	}
	h.ask(c.Weight, c.MaxConnections, c.Name)
	switch c.Mode {
	case Draining:
		if h.drain == nil {
			h.drain = c
		}
	case Maintenance:
		if h.maint == nil {
			h.maint = c
		}
	}
}

// ask takes account of the numbers that somebody asked for. A threshold of 0 is that of
// a server that takes any number of connections: whoever asks for a number goes before.
func (h *health) ask(weight, most Optional, by string) {
	if weight.Given {
		h.weight.lower(Some(min(max(weight.Value, 0), maxWeight)), by)
	}
	switch {
	case !most.Given:
	case most.Value <= 0 && !h.most.Given:
		h.most = asked{Some(0), by}
	case most.Value <= 0:
	case h.most.Given && h.most.Value == 0:
		h.most = asked{Some(min(most.Value, maxThreshold)), by}
	default:
		h.most.lower(Some(min(most.Value, maxThreshold)), by)
	}
}

// keepLast falls back on the server's last verdict: a check that starts anew moves
// nothing until it has one.
func (h *health) keepLast(was *ServerMemory) {
	if was.Verdict == Unknown {
		return
	}
	h.verdict, h.last, h.starting = was.Verdict, true, was.Starting
	if was.Verdict != Up {
		return
	}
	const last = "its last answer"
	if was.Percent < h.percent {
		h.percent, h.lowest = was.Percent, last
	}
	h.ask(was.Weight, was.MaxConnections, last)
}

// serving reports whether the named check is up and asks for traffic, or is no
// longer among the server's.
func (h *health) serving(name string) bool {
	for _, c := range h.checks {
		if c.Name == name {
			return c.Verdict == Up && c.Mode == Serving
		}
	}
	return true
}

// lineUp returns one check for each name, in the order of the names; one without
// a verdict where there is none of that name.
func lineUp(names []string, checks []Check) []Check {
	if slices.EqualFunc(names, checks, func(name string, c Check) bool { return name == c.Name }) {
		return checks
	}
	left := slices.Clone(checks)
	line := make([]Check, len(names))
	for i, name := range names {
		line[i].Name = name
		if at := slices.IndexFunc(left, func(c Check) bool { return c.Name == name }); at >= 0 {
			line[i] = left[at]
			left = slices.Delete(left, at, at+1)
		}
	}
	return line
}
