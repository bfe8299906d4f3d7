package control

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// routerStates are all states of a virtual router, the best first.
var routerStates = []string{"master", "backup", "retiring", "init", "fault"}

// maxAddresses bounds the addresses of a router that are named in the table.
const maxAddresses = 2

// routerSums counts the virtual routers by state.
func (s Status) routerSums() string {
	line := count(len(s.VirtualRouters), "virtual router")
	separator := ": "
	for _, state := range routerStates {
		n := 0
		for _, r := range s.VirtualRouters {
			if r.State == state {
				n++
			}
		}
		if n > 0 {
			line += separator + strconv.Itoa(n) + " " + state
			separator = ", "
		}
	}
	return line
}

// routerTable lays out the virtual routers.
func (s Status) routerTable() string {
	t := &columns{indent: "  ", right: []bool{false, false, false, true, false, false, true}}
	t.row("", "ROUTER", "INTERFACE", "VRID", "STATE", "SINCE", "PRIORITY", "MASTER", "ADDRESSES")
	for _, r := range s.VirtualRouters {
		t.row(r.arrow(), Plain(r.Name), Plain(r.Interface), strconv.Itoa(r.VRID), r.standing(), r.since(), r.priority(),
			dash(Plain(r.Master)), r.someAddresses())
	}
	return t.String()
}

// arrow marks a router whose addresses are on this host.
func (r Router) arrow() string {
	if r.Holding {
		return "->"
	}
	return ""
}

// standing is the state, and whether an operator's failover holds the router back.
func (r Router) standing() string {
	if r.StandingBy {
		return Plain(r.State) + ", STANDING BY"
	}
	return Plain(r.State)
}

// since is when the router came into its state.
func (r Router) since() string {
	if r.Since.IsZero() {
		return "-"
	}
	return moment(r.Since)
}

// priority is the one that is advertised, before that of the file where they differ.
func (r Router) priority() string {
	if r.Effective == r.Priority {
		return strconv.Itoa(r.Priority)
	}
	return fmt.Sprintf("%d/%d", r.Effective, r.Priority)
}

// someAddresses are the router's first addresses, and how many more there are.
func (r Router) someAddresses() string {
	some := r.Addresses[:min(len(r.Addresses), maxAddresses)]
	line := Plain(strings.Join(some, ", "))
	if more := len(r.Addresses) - len(some); more > 0 {
		line += fmt.Sprintf(" and %d more", more)
	}
	return dash(line)
}

// routerTroubles are the lines about virtual routers that must not be missed.
func (s Status) routerTroubles() []string {
	var all []string
	for _, r := range s.VirtualRouters {
		if r.State == "fault" {
			all = append(all, r.warning(r.Why))
		}
		for _, w := range r.Warnings {
			all = append(all, r.warning(w))
		}
	}
	lines := all[:min(len(all), maxTroubles)]
	if more := len(all) - len(lines); more > 0 {
		lines = append(slices.Clip(lines), "WARNING: and "+count(more, "warning")+" of virtual routers more (mainstay explain ROUTER)")
	}
	return lines
}

func (r Router) warning(text string) string {
	return fmt.Sprintf("WARNING: virtual router %s: %s", Plain(r.Name), Plain(text))
}

// mastershipTroubles is a line about the process that speaks VRRP where something is to
// be said of it.
func (s Status) mastershipTroubles() []string {
	m := s.Director.Mastership
	if m == nil || s.Director.Observe { // which starts none
		return nil
	}
	var what []string
	if !m.Running {
		what = append(what, "NOT RUNNING, no virtual router sends or hears anything")
	}
	if m.Restarts > 0 {
		what = append(what, "restarted "+count(m.Restarts, "time"))
	}
	if m.Running && !m.RealTime {
		what = append(what, "without real-time priority, so on a busy host it is late")
	}
	if s.lateForAnybody() {
		what = append(what, fmt.Sprintf("its timers were up to %s late (99.9 %% of them at most %s)",
			milliseconds(m.LatenessWorstMS), milliseconds(m.LatenessP999MS)))
	}
	if len(what) == 0 {
		return nil
	}
	return []string{"WARNING: the mastership process: " + strings.Join(what, "; ")}
}

// lateForAnybody reports whether the mastership process was so late that an
// advertisement of some router could have been missed.
func (s Status) lateForAnybody() bool {
	return slices.ContainsFunc(s.VirtualRouters, func(r Router) bool {
		return r.AdvertIntervalMS > 0 && s.Director.Mastership.LatenessWorstMS >= r.AdvertIntervalMS
	})
}

// interval writes an advertisement interval, 10ms or 1s, as the file does.
func (r Router) interval() string {
	return time.Duration(r.AdvertIntervalMS * float64(time.Millisecond)).String()
}

// dash stands for what isn't there in a table.
func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
