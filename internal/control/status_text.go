package control

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// states are all states, the best first.
var states = []string{"up", "starting", "drain", "maint", "down"}

// Text returns the picture as an operator reads it: the director, what is wrong,
// the sums, then the virtual routers, then each service and its servers. A router with
// an arrow has its addresses on this host; its priority as advertised stands before
// the one of the file. A server with an arrow is in the kernel's table, as ipvsadm
// shows it; its weight there stands before the one of the file.
func (s Status) Text() string {
	var b strings.Builder
	b.WriteString(s.Director.text())
	for _, trouble := range s.troubles() {
		b.WriteString(trouble + "\n")
	}
	if len(s.VirtualRouters) > 0 {
		b.WriteString(s.routerSums() + "\n")
	}
	b.WriteString(s.sums() + "\n")
	if s.Heartbeats != nil {
		b.WriteString(s.Heartbeats.sums() + "\n")
	}
	if len(s.VirtualRouters) > 0 {
		b.WriteString("\n" + s.routerTable())
	}
	if s.Heartbeats != nil && len(s.Heartbeats.Relays) > 0 {
		b.WriteString("\n" + s.Heartbeats.table())
	}
	if s.Heartbeats != nil && len(s.Heartbeats.Drops) > 0 {
		b.WriteString("\n" + s.Heartbeats.drops())
	}
	if len(s.VirtualServices) > 0 {
		b.WriteString("\n" + s.table())
	}
	return b.String()
}

func (d DirectorStatus) text() string {
	state := "ready"
	if !d.Ready {
		state = "NOT READY, the first verdicts are not over"
	}
	if d.Observe {
		state += ", OBSERVES ONLY and changes nothing"
	}
	line := fmt.Sprintf("director %s: %s (mainstay %s)\n", Plain(d.Name), state, Plain(d.Version))
	if d.ConfigFile != "" {
		line += fmt.Sprintf("file %s, loaded %s\n", Plain(d.ConfigFile), moment(d.ConfigLoadedAt))
	}
	return line
}

// troubles are the lines that must not be missed.
func (s Status) troubles() []string {
	var lines []string
	if s.Director.ConfigError != "" {
		lines = append(lines, "WARNING: the last reload was refused, so the file that was loaded "+
			moment(s.Director.ConfigLoadedAt)+" stays in force:")
		for line := range strings.Lines(s.Director.ConfigError) {
			lines = append(lines, "    "+Plain(strings.TrimRight(line, "\n")))
		}
	}
	for _, w := range s.Director.Warnings {
		lines = append(lines, "WARNING: "+Plain(w))
	}
	return slices.Concat(lines, s.mastershipTroubles(), s.routerTroubles(), s.Heartbeats.troubles(), s.serviceTroubles())
}

// maxTroubles bounds the services that are named before the table, and the lines about
// routers.
const maxTroubles = 10

func (s Status) serviceTroubles() []string {
	var lines []string
	more := 0
	for _, v := range s.VirtualServices {
		trouble := v.extras()
		if !v.Quorum.Met && !v.Quorum.Pending {
			trouble = append([]string{"QUORUM LOST"}, trouble...)
		}
		switch {
		case len(trouble) == 0:
		case len(lines) == maxTroubles:
			more++
		default:
			lines = append(lines, fmt.Sprintf("WARNING: %s %s: %s", Plain(v.Name), Plain(v.Address), strings.Join(trouble, ", ")))
		}
	}
	if more > 0 {
		lines = append(lines, "WARNING: and "+count(more, "virtual service")+" more")
	}
	return lines
}

// sums counts services, and servers by state.
func (s Status) sums() string {
	servers, by := 0, make(map[string]int)
	for _, v := range s.VirtualServices {
		for _, r := range v.RealServers {
			servers++
			by[r.State]++
		}
	}
	if len(s.VirtualServices) == 0 {
		return "no virtual services"
	}
	line := count(len(s.VirtualServices), "virtual service") + ", " + count(servers, "real server")
	separator := ": "
	for _, state := range states {
		if by[state] > 0 {
			line += separator + strconv.Itoa(by[state]) + " " + state
			separator = ", "
		}
	}
	return line
}

// table lays out the services and their servers.
func (s Status) table() string {
	t := &columns{indent: "  ", right: []bool{false, false, false, true, true, true}}
	t.row("", "REAL SERVER", "STATE", "WEIGHT", "ACTIVE", "INACTIVE", "WHY")
	for i, v := range s.VirtualServices {
		if i > 0 {
			t.line("")
		}
		t.line(v.headline())
		for _, r := range v.RealServers {
			active, inactive := r.counts()
			t.row(r.arrow(), Plain(r.Address), Plain(r.State), r.weight(), active, inactive, Plain(r.reason()))
		}
		if len(v.RealServers) == 0 {
			t.line("      no real servers")
		}
	}
	return t.String()
}

// headline is a service's own line.
func (v Service) headline() string {
	return fmt.Sprintf("%s  %s  %s  %s", Plain(v.Name), Plain(v.Address), Plain(v.Scheduler),
		strings.Join(append([]string{v.Quorum.text()}, v.extras()...), ", "))
}

// extras says who is served besides those that are up.
func (v Service) extras() []string {
	var what []string
	if v.Sorry {
		what = append(what, "the SORRY SERVER serves")
	}
	if v.FailOpen {
		what = append(what, "FAIL OPEN: failed servers are served all the same")
	}
	return what
}

func (q Quorum) text() string {
	state := "QUORUM LOST"
	switch {
	case q.Pending:
		state = "quorum not judged yet"
	case q.Met:
		state = "quorum met"
	}
	return fmt.Sprintf("%s (weight %d, needed %d)", state, q.Weight, q.Needed)
}

// arrow marks a server that is in the table.
func (r Server) arrow() string {
	if r.InTable {
		return "->"
	}
	return ""
}

// counts returns a server's connections. Of one that isn't in the table the kernel
// counts none.
func (r Server) counts() (active, inactive string) {
	if !r.InTable && r.Connections == (Connections{}) {
		return "-", "-"
	}
	return strconv.FormatUint(uint64(r.Connections.Active), 10), strconv.FormatUint(uint64(r.Connections.Inactive), 10)
}

// weight is the weight in the table, or out, and that of the file.
func (r Server) weight() string {
	effective := "out"
	if r.InTable {
		effective = strconv.Itoa(r.Weight.Effective)
	}
	return effective + "/" + strconv.Itoa(r.Weight.Configured)
}

// reason is why without the state, which has a column of its own.
func (r Server) reason() string {
	if rest, ok := strings.CutPrefix(r.Why, r.State+": "); ok {
		return rest
	}
	return r.Why
}

// moment writes a time in its own zone, which is the daemon's, as in the sentences
// that it makes.
func moment(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Format(time.DateTime)
}

// count returns a number and its noun.
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}
