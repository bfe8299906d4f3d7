package decide

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/lab/script"
	"github.com/mainstay-lvs/mainstay/ipvs"
)

// world is the rest of a daemon as scripts need it: a file, checks, an operator, a
// kernel that holds what was last wanted, and a clock.
type world struct {
	t        *testing.T
	now      time.Time
	services []Service
	inputs   map[ipvs.Key]ServiceInputs
	memory   Memory
	decision Decision
}

func newWorld(t *testing.T) *world {
	return &world{
		t:      t,
		now:    time.Date(2026, 3, 1, 22, 14, 0, 0, time.UTC),
		inputs: map[ipvs.Key]ServiceInputs{},
	}
}

// run runs one command and returns what it prints.
//
//	service NAME KEY [option=value …]   the file has this service; each line is a server:
//	    ADDRESS [weight=N] [max=N] [resume=N] [checks=a,b]
//	remove NAME                          the file has it no longer
//	kernel NAME                          the daemon starts and finds this; each line: ADDRESS weight=N
//	check NAME                           verdicts; each line:
//	    ADDRESS up|down|unknown [check=C] [percent=N] [weight=N] [max=N] [starting] [draining] [maintenance] ["reason"] [streak=N]
//	override NAME ADDRESS drain|maint|enable|weight=N|weight=auto
//	connections NAME ADDRESS [active=N] [inactive=N] [persistent=N]
//	settled                              first verdicts are over, everywhere
//	tick DURATION                        time passes, decisions are made when due
//	watch DURATION                       the same, printing each change
//	restart                              the daemon ends and starts: only what is kept survives
func (w *world) run(command, lines []string) string {
	w.t.Helper()
	args := command[1:]
	switch command[0] {
	case "service":
		w.setService(args, lines)
	case "remove":
		gone := w.service(args[0])
		w.services = slices.DeleteFunc(w.services, func(s Service) bool { return s.Name == gone.Name })
		delete(w.inputs, gone.Head.Key)
	case "kernel":
		return w.setKernel(w.service(args[0]), lines)
	case "check":
		for _, line := range lines {
			w.setCheck(w.service(args[0]), script.Words(w.t, line))
		}
	case "override":
		w.setOverride(w.service(args[0]), address(w.t, args[1]), args[2])
	case "connections":
		w.setConnections(w.service(args[0]), address(w.t, args[1]), args[2:])
	case "settled":
		for key, in := range w.inputs {
			in.Settled = true
			w.inputs[key] = in
		}
	case "tick":
		w.pass(duration(w.t, args[0]), func() {})
	case "watch":
		return w.watch(duration(w.t, args[0]))
	case "restart":
		return w.restart()
	default:
		w.t.Fatalf("unknown command %q", command[0])
	}
	w.decide()
	return w.String()
}

// decide asks for a decision and keeps it, after looking it over.
func (w *world) decide() {
	w.t.Helper()
	in := Inputs{Services: w.inputs, Memory: w.memory}
	w.decision = Decide(w.now, w.services, in)
	if p := problems(w.now, w.services, in, w.decision); p != nil {
		w.t.Fatal(strings.Join(p, "\n"))
	}
	w.memory = w.decision.Memory
}

// pass lets time pass, with a decision whenever one is due.
func (w *world) pass(d time.Duration, decided func()) {
	w.t.Helper()
	end := w.now.Add(d)
	for next := w.decision.Next; !next.IsZero() && !next.After(end); next = w.decision.Next {
		w.now = next
		w.decide()
		decided()
	}
	w.now = end
}

// watch lets time pass and prints each change of a server.
func (w *world) watch(d time.Duration) string {
	w.t.Helper()
	var out strings.Builder
	before := w.rows()
	w.pass(d, func() {
		after := w.rows()
		for _, row := range after {
			if !slices.Contains(before, row) {
				fmt.Fprintf(&out, "%s %s\n", w.now.Format("15:04:05.999"), row)
			}
		}
		before = after
	})
	return cmp.Or(out.String(), "no change\n")
}

// restart loses everything but the file, the overrides, the kernel, and the part of
// the memory that is kept, which goes through JSON.
func (w *world) restart() string {
	w.t.Helper()
	kept, err := json.Marshal(w.memory.Kept())
	if err != nil {
		w.t.Fatal(err)
	}
	w.memory = nil
	if err := json.Unmarshal(kept, &w.memory); err != nil {
		w.t.Fatal(err)
	}
	table := w.decision.Table
	for _, s := range w.services {
		in := w.inputs[s.Head.Key]
		in.Settled = false
		in.Adopted = nil
		if found, ok := table.Service(s.Head.Key); ok {
			in.Adopted = &found
		}
		for a, server := range in.Servers {
			in.Servers[a] = ServerInputs{Override: server.Override}
		}
		w.inputs[s.Head.Key] = in
	}
	w.decide()
	return strings.Join(cuts(table, w.decision.Table), "") + w.String()
}

// cuts are the servers that leave the table or change their weight from one table
// to the next.
func cuts(before, after ipvs.Table) []string {
	var cuts []string
	for _, service := range before.Services {
		now, _ := after.Service(service.Key)
		for _, server := range service.Servers {
			switch wanted, found := now.Server(server.Address); {
			case !found:
				cuts = append(cuts, fmt.Sprintf("deletes %s of %s\n", server.Address, service.Key))
			case wanted.Weight != server.Weight:
				cuts = append(cuts, fmt.Sprintf("changes %s of %s from %d to %d\n",
					server.Address, service.Key, server.Weight, wanted.Weight))
			}
		}
	}
	return cuts
}

// String prints the table and the reasons.
func (w *world) String() string {
	var out strings.Builder
	for i, r := range w.decision.Services {
		if i > 0 {
			out.WriteString("\n")
		}
		word := "lost"
		if r.Quorum.Met {
			word = "met"
		}
		if !r.Quorum.Judged {
			word = "not judged"
		}
		fmt.Fprintf(&out, "%s %s, quorum %s, weight %d of %d",
			w.now.Format(time.TimeOnly), r.Name, word, r.Quorum.Weight, r.Quorum.Needed)
		if r.Sorry {
			out.WriteString(", sorry server")
		}
		if r.FailOpen {
			out.WriteString(", fail open")
		}
		for _, row := range w.rowsOf(r) {
			out.WriteString("\n  " + row)
		}
	}
	if next := w.decision.Next; !next.IsZero() {
		fmt.Fprintf(&out, "\nnext in %s", next.Sub(w.now))
	}
	return cmp.Or(out.String(), "nothing") + "\n"
}

func (w *world) rows() []string {
	var rows []string
	for _, r := range w.decision.Services {
		rows = append(rows, w.rowsOf(r)...)
	}
	return rows
}

// thresholds are those of a server as ipvsadm writes them, nothing where it has none.
func thresholds(entry ipvs.Server) string {
	if entry.MaxConnections == 0 && entry.ResumeConnections == 0 {
		return ""
	}
	return fmt.Sprintf(" -x %d -y %d", entry.MaxConnections, entry.ResumeConnections)
}

// rowsOf are the servers of a service: their weight in the table, and why.
func (w *world) rowsOf(r ServiceReport) []string {
	wanted, _ := w.decision.Table.Service(r.Key)
	var rows []string
	for _, s := range r.Servers {
		weight := "out"
		if entry, found := wanted.Server(s.Address); found {
			weight = strconv.Itoa(entry.Weight) + thresholds(entry)
		}
		rows = append(rows, fmt.Sprintf("%-16s %5s  %s", s.Address, weight, s.Why))
	}
	for _, entry := range wanted.Servers {
		if !slices.ContainsFunc(r.Servers, func(s ServerReport) bool { return s.Address == entry.Address }) {
			rows = append(rows, fmt.Sprintf("%-16s %5d  the sorry server", entry.Address, entry.Weight))
		}
	}
	return rows
}
