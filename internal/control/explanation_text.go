package control

import (
	"fmt"
	"strconv"
)

// Text returns the explanation as an operator reads it: how the server stands and
// why, each check's last result, and the last changes, oldest first.
func (e Explanation) Text() string {
	r := e.Server
	t := &columns{indent: "  "}
	t.line(Plain(e.Service) + " " + Plain(r.Address))
	t.row("why", Plain(r.Why))
	t.row("weight", r.weightText())
	if r.Override != "" {
		t.row("operator", Plain(r.Override))
	}
	if r.InTable {
		t.row("connections", fmt.Sprintf("%d active, %d inactive", r.Connections.Active, r.Connections.Inactive))
	}
	return t.String() + "\n" + checksText(r.Checks) + "\n" + changesText(e.Changes)
}

func (r Server) weightText() string {
	if !r.InTable {
		return fmt.Sprintf("out of the table, %d in the file", r.Weight.Configured)
	}
	return fmt.Sprintf("%d in the table, %d in the file", r.Weight.Effective, r.Weight.Configured)
}

func checksText(checks []Check) string {
	if len(checks) == 0 {
		return "no checks: it counts as always up\n"
	}
	t := &columns{indent: "  ", right: []bool{false, false, false, true, true}}
	t.line("checks")
	t.row("NAME", "KIND", "RESULT", "STREAK", "LATENCY", "LAST", "")
	for _, c := range checks {
		if c.At.IsZero() {
			t.row(Plain(c.Name), Plain(c.Kind), "none yet", "-", "-", "-", Plain(c.Error))
			continue
		}
		result := "FAILED"
		if c.OK {
			result = "ok"
		}
		t.row(Plain(c.Name), Plain(c.Kind), result, strconv.Itoa(c.Streak), c.latency(), moment(c.At), Plain(c.Error))
	}
	for _, c := range checks {
		for _, note := range c.Notes {
			t.line("  " + Plain(c.Name) + ": " + Plain(note))
		}
	}
	return t.String()
}

// latency is how long the last run took, of a check that is run.
func (c Check) latency() string {
	if c.LatencyMS == 0 {
		return "-"
	}
	return milliseconds(c.LatencyMS)
}

func changesText(changes []Change) string {
	if len(changes) == 0 {
		return "no changes yet\n"
	}
	t := &columns{indent: "  "}
	t.line("changes, oldest first")
	for _, c := range changes {
		step := "to " + c.To
		if c.From != "" {
			step = c.From + " -> " + c.To
		}
		t.row(moment(c.At), Plain(step), Plain(c.Cause))
	}
	return t.String()
}

// milliseconds writes a latency with as many digits as mean something.
func milliseconds(ms float64) string {
	digits := 1
	switch {
	case ms >= 100:
		digits = 0
	case ms < 1:
		digits = 2
	}
	return strconv.FormatFloat(ms, 'f', digits, 64) + " ms"
}
