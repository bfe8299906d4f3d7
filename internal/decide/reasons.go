package decide

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// report says how the service and each of its servers stand.
func (d *decider) report(candidates []candidate, quorum QuorumReport) ServiceReport {
	r := ServiceReport{
		Name:     d.service.Name,
		Key:      d.service.Head.Key,
		Quorum:   quorum,
		Sorry:    d.sorry,
		FailOpen: d.failOpen,
		Servers:  make([]ServerReport, 0, len(candidates)),
	}
	for i := range candidates {
		c := &candidates[i]
		if c.leaving && !c.listed {
			continue
		}
		r.Servers = append(r.Servers, ServerReport{
			Address:    c.address,
			State:      c.state,
			Configured: c.file.Weight,
			Effective:  c.entry.Weight,
			InTable:    c.listed,
			Leaving:    c.leaving,
			Why:        d.why(c),
		})
	}
	return r
}

// why is the sentence that tells an operator how a server stands.
func (d *decider) why(c *candidate) string {
	var what, place string
	switch c.state {
	case StateMaint:
		what = d.whyMaint(c)
	case StateDrain:
		what = d.whyDrain(c)
	case StateDown:
		what, place = c.health.whyDown(), d.placeFailed(c)
	case StateStarting:
		if c.health.verdict == Down {
			what, place = c.health.whyDown(), d.placeFailed(c)
		} else {
			what, place = "no verdict of "+c.health.unknown()+" yet", placeFirst(c)
		}
	case StateUp:
		what, place = c.health.whyUp(), d.placeUp(c)
	}
	switch {
	case c.asSorry:
		place = "; it serves as the sorry server"
	case c.waits && c.listed:
		place = "; it waits with weight 0 while the sorry server serves"
	case c.waits:
		place = "; out while the sorry server serves"
	}
	return string(c.state) + ": " + what + place
}

// whyMaint says who asked for maint.
func (d *decider) whyMaint(c *candidate) string {
	if c.in.Override.Maint {
		return "by the operator" + d.since(c.in.Override.Since)
	}
	return "asked by " + c.health.maint.asked()
}

// whyDrain says who asked for a drain, since when, and what it waits for.
func (d *decider) whyDrain(c *candidate) string {
	who, since, until := "not in the file", c.drain.Since, ""
	switch {
	case c.leaving:
	case c.in.Override.Drain:
		who = "by the operator"
		if !c.in.Override.Since.IsZero() {
			since = c.in.Override.Since
		}
	case c.health.drain != nil:
		who = "asked by " + c.health.drain.asked()
	default:
		who, until = "asked by "+c.drain.Check, " and until it says up"
	}
	what := who + d.since(since) + until
	switch {
	case c.drain.Over != "":
		return what + "; " + c.drain.Over
	case !c.in.Connections.countFor(c.drain):
		return what + ", connections not counted yet"
	default:
		return what + ", " + c.in.Connections.left(d.service.Head).String() + " left"
	}
}

// String says how many there are, for example "1 connection" or "3 connections and
// 2 persistent clients".
func (l left) String() string {
	connections := count(l.connections, "connection")
	clients := count(l.clients, "persistent client")
	switch {
	case l.clients == 0:
		return connections
	case l.connections == 0:
		return clients
	default:
		return connections + " and " + clients
	}
}

// count returns a number and its noun.
func count(n uint64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.FormatUint(n, 10) + " " + noun
}

// since says since when, with the day when that was another than today, and nothing
// where it isn't known.
func (d *decider) since(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " since " + d.clock(t)
}

// clock writes a time of day in the place of now, with the day when it is another.
func (d *decider) clock(t time.Time) string {
	t = t.In(d.now.Location())
	if t.Format(time.DateOnly) != d.now.Format(time.DateOnly) {
		return t.Format(time.DateTime)
	}
	return t.Format(time.TimeOnly)
}

// asked names a check that asked for something, and why it did.
func (c Check) asked() string {
	if c.Reason == "" {
		return c.Name
	}
	return c.Name + " (" + c.Reason + ")"
}

// failed names a check that failed, and how.
func (c Check) failed() string {
	what := c.Name + ": " + cmp.Or(c.Reason, "failed")
	if c.Streak > 1 {
		what += fmt.Sprintf(" (%d in a row)", c.Streak)
	}
	return what
}

// whyUp says which checks are up.
func (h health) whyUp() string {
	switch {
	case len(h.checks) == 0:
		return "it has no checks"
	case h.last:
		return "as before, no verdict of " + h.unknown() + " yet"
	}
	return h.names(Up) + " ok"
}

// whyDown says what each failed check said.
func (h health) whyDown() string {
	if h.last {
		return "as before, no verdict of " + h.unknown() + " yet"
	}
	var failed []string
	for _, c := range h.checks {
		if c.Verdict == Down {
			failed = append(failed, c.failed())
		}
	}
	return strings.Join(failed, "; ")
}

// unknown names the checks that have no verdict.
func (h health) unknown() string { return h.names(Unknown) }

// names lists the checks with a verdict, for example "a, b and c".
func (h health) names(v Verdict) string {
	names := make([]string, 0, len(h.checks))
	for _, c := range h.checks {
		if c.Verdict == v {
			names = append(names, c.Name)
		}
	}
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// placeFailed says what became of a failed server, where that isn't plain removal.
func (d *decider) placeFailed(c *candidate) string {
	switch {
	case c.open:
		return "; served all the same: fail open"
	case c.listed:
		return "; weight 0: on_failure is quiesce"
	}
	return ""
}

// placeFirst says what becomes of a server without a verdict.
func placeFirst(c *candidate) string {
	if !c.listed {
		return ""
	}
	return fmt.Sprintf("; it stays as it was found, weight %d", c.entry.Weight)
}

// placeUp says why the weight of a server that is up is another than the file's.
func (d *decider) placeUp(c *candidate) string {
	var because []string
	switch asked := c.health.weight; {
	case c.in.Override.Weight != nil:
		because = append(because, fmt.Sprintf("the operator set %d", c.weight))
	case asked.Given && asked.Value != c.file.Weight:
		because = append(because, fmt.Sprintf("%s asks for %d", asked.by, asked.Value))
	}
	if c.health.percent < 100 {
		because = append(because, fmt.Sprintf("%s asks for %d %%", c.health.lowest, c.health.percent))
	}
	if waits := c.inForce(); waits != "" {
		because = append(because, fmt.Sprintf("%s until %s, as %s changes every %s at most",
			waits, d.clock(c.due), d.service.Head.Scheduler, percentPause))
	}
	if c.ramp != fullRamp {
		because = append(because, fmt.Sprintf("slow start at %d %%", c.ramp.percent()))
	}
	if because == nil {
		return c.threshold()
	}
	return fmt.Sprintf("; weight %d of %d: %s", c.entry.Weight, c.file.Weight, strings.Join(because, ", ")) + c.threshold()
}

// inForce says what is in force where something else that checks ask for has to wait,
// and nothing where nothing waits.
func (c *candidate) inForce() string {
	var parts []string
	if w := c.weightWith(c.applied.Weight); !c.due.IsZero() && w != c.weight {
		parts = append(parts, strconv.Itoa(w))
	}
	if !c.due.IsZero() && c.applied.Percent != c.health.percent {
		parts = append(parts, fmt.Sprintf("%d %%", c.applied.Percent))
	}
	return strings.Join(parts, " at ")
}

// threshold says how many connections a server takes, where that is a check's word and
// not what the file says.
func (c *candidate) threshold() string {
	switch most := c.health.most; {
	case !most.Given || c.entry.MaxConnections == c.file.MaxConnections:
		return ""
	case most.Value == 0:
		return "; any number of connections: " + most.by + " asks for it"
	default:
		return fmt.Sprintf("; at most %s: %s asks for it", count(uint64(most.Value), "connection"), most.by)
	}
}
