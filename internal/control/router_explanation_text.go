package control

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Text returns the explanation as an operator reads it: how the router stands and why,
// what lowers its priority, who is master, its addresses, its advertisements, what
// warns, and the last changes, oldest first.
func (e RouterExplanation) Text() string {
	r := e.Router
	t := &columns{indent: "  "}
	t.line(fmt.Sprintf("%s: VRID %d on %s, VRRP version %d, adverts each %s",
		Plain(r.Name), r.VRID, Plain(r.Interface), r.Version, r.interval()))
	t.row("why", Plain(r.Why))
	t.row("since", r.sinceText())
	if r.StandingBy {
		t.row("operator", fmt.Sprintf("STANDING BY until mainstay failover %s --cancel", Plain(r.Name)))
	}
	t.row("priority", r.priorityText())
	t.list("penalties", r.penaltyLines())
	t.row("master", r.masterText())
	if r.SyncGroup != "" {
		t.row("sync group", Plain(r.SyncGroup))
	}
	t.list("addresses", r.addressLines())
	t.row("adverts", fmt.Sprintf("%d sent, %d received, %d dropped", r.Adverts.Sent, r.Adverts.Received, r.Adverts.allDropped()))
	t.list("dropped", r.Adverts.droppedLines())
	for _, w := range r.Warnings {
		t.row("WARNING", Plain(w))
	}
	return t.String() + "\n" + changesText(e.Changes)
}

// list adds a row for each line, the first of them named.
func (c *columns) list(name string, lines []string) {
	for _, line := range lines {
		c.row(name, line)
		name = ""
	}
}

func (r Router) sinceText() string {
	changes := count(r.Transitions, "change") + " of state since the mastership process started"
	if r.Since.IsZero() {
		return changes
	}
	return moment(r.Since) + "; " + changes
}

func (r Router) masterText() string {
	if r.Master == "" {
		return "not known"
	}
	if r.State == "master" {
		return Plain(r.Master) + ", this host"
	}
	return Plain(r.Master)
}

func (r Router) priorityText() string {
	if r.Effective == r.Priority {
		return fmt.Sprintf("%d, as in the file", r.Priority)
	}
	return fmt.Sprintf("%d in force, %d in the file", r.Effective, r.Priority)
}

func (r Router) penaltyLines() []string {
	var lines []string
	for _, p := range r.Penalties {
		lines = append(lines, fmt.Sprintf("%d for %s", p.Penalty, Plain(p.For)))
	}
	return lines
}

func (r Router) addressLines() []string {
	lines := []string{"not held here:"}
	if r.Holding {
		lines = []string{"held here:"}
	}
	for _, a := range r.Addresses {
		lines = append(lines, Plain(a))
	}
	return lines
}

func (a Adverts) allDropped() (sum uint64) {
	for _, n := range a.Dropped {
		sum += n
	}
	return sum
}

// droppedLines are the reasons why adverts were dropped, the most frequent first.
func (a Adverts) droppedLines() []string {
	reasons := slices.SortedFunc(maps.Keys(a.Dropped), func(x, y string) int {
		return cmp.Or(cmp.Compare(a.Dropped[y], a.Dropped[x]), cmp.Compare(x, y))
	})
	var lines []string
	for _, reason := range reasons {
		lines = append(lines, fmt.Sprintf("%d: %s", a.Dropped[reason], strings.ReplaceAll(Plain(reason), "_", " ")))
	}
	return lines
}
