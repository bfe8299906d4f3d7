package vrrp

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// machineWorld is what scripts need besides machines: a clock, and a link on which they
// may hear each other.
type machineWorld struct {
	t       *testing.T
	start   time.Time
	now     time.Time
	names   []string // in the order of the script
	routers map[string]*machineRouter
	delay   time.Duration     // of the link
	linked  bool              // routers hear each other
	flying  []machineDelivery // in the order of their times

	lines []machineLine
}

type machineRouter struct {
	*Machine
	settings Settings
	cut      bool   // it neither sends nor hears
	shown    string // the state that was printed last
}

type machineDelivery struct {
	at     time.Time
	to     string
	advert Advert
}

// machineLine is one line of output. Equal lines in a row are printed as one.
type machineLine struct {
	first, last time.Time
	text        string
	times       int
}

func newMachineWorld(t *testing.T) *machineWorld {
	start := time.Date(2026, 3, 1, 22, 14, 0, 0, time.UTC)
	return &machineWorld{t: t, start: start, now: start, routers: map[string]*machineRouter{}}
}

// run runs one command.
//
//	router NAME [key=value …]       a new machine, or new settings for it: version (3), priority (100),
//	                                interval (1s), preempt (on), preempt_delay, address, grouped (off).
//	                                Without a link a new one begins a new scene, alone
//	start NAME [holding] [standby] [delay=D]
//	stop | abandon | failover | cancel | recover | group-master | group-backup NAME ["cause"]
//	fail NAME [dead] ["cause"]
//	reprioritise NAME PRIORITY
//	hear NAME ADDRESS PRIORITY [interval=D]    it hears an advertisement of some other router
//	run DURATION                    time passes, timers are stepped when due
//	stall DURATION                  time passes, nobody runs
//	link DELAY                      from now on the routers hear each other
//	cut NAME | mend NAME            but not this one, or again
//
// Printed are the effects and, where it is another than before, the state.
func (w *machineWorld) run(words []string) {
	w.t.Helper()
	command, args := words[0], words[1:]
	switch command {
	case "router":
		w.router(args[0], args[1:])
	case "run":
		w.pass(w.duration(args[0]))
	case "stall":
		w.now = w.now.Add(w.duration(args[0]))
	case "link":
		w.linked, w.delay = true, w.duration(args[0])
	case "cut", "mend":
		w.named(args[0]).cut = command == "cut"
	default:
		w.step(args[0], w.event(command, args[1:]))
	}
	w.showStates()
}

// router makes a machine, or configures it.
func (w *machineWorld) router(name string, options []string) {
	r, known := w.routers[name]
	if !known && !w.linked {
		w.names, w.routers, w.now = nil, map[string]*machineRouter{}, w.start
	}
	if !known {
		r = &machineRouter{settings: Settings{
			Version: V3, Priority: 100, Interval: time.Second, Preempt: true,
			Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(11 + len(w.names))}),
		}}
		w.routers[name], w.names = r, append(w.names, name)
	}
	for _, option := range options {
		key, value, _ := strings.Cut(option, "=")
		switch s := &r.settings; key {
		case "version":
			s.Version = Version(w.number(value))
		case "priority":
			s.Priority = w.number(value)
		case "interval":
			s.Interval = w.duration(value)
		case "preempt":
			s.Preempt = value == "on"
		case "preempt_delay":
			s.PreemptDelay = w.duration(value)
		case "address":
			s.Address = netip.MustParseAddr(value)
		case "grouped":
			s.Grouped = value == "on"
		default:
			w.t.Fatalf("unknown setting %q", key)
		}
	}
	if known {
		r.Configure(r.settings)
	} else {
		r.Machine = NewMachine(r.settings)
	}
}

// event is a command as an event.
func (w *machineWorld) event(command string, args []string) Event {
	w.t.Helper()
	kind := slices.IndexFunc(machineEventKinds, func(k EventKind) bool { return k.String() == command })
	if command == "hear" {
		kind = int(Heard)
	}
	if kind < 0 {
		w.t.Fatalf("unknown command %q", command)
	}
	e := Event{Kind: EventKind(kind)}
	switch e.Kind {
	case Heard:
		e.Advert = Advert{Source: netip.MustParseAddr(args[0]), Priority: w.number(args[1]), Interval: time.Second}
		args = args[2:]
	case Reprioritise:
		e.Priority = w.number(args[0])
		args = args[1:]
	}
	for _, arg := range args {
		switch key, value, _ := strings.Cut(arg, "="); key {
		case "holding":
			e.Holding = true
		case "standby":
			e.StandBy = true
		case "dead":
			e.Dead = true
		case "delay":
			e.Delay = w.duration(value)
		case "interval":
			e.Advert.Interval = w.duration(value)
		default:
			e.Cause = arg
		}
	}
	return e
}

var machineEventKinds = []EventKind{
	Start, Stop, Abandon, Failover, Cancel, Heard, Timer, Fail, Recover, Reprioritise, GroupMaster, GroupBackup,
}

// step steps a machine, prints the effects and has the others hear it.
func (w *machineWorld) step(name string, e Event) {
	r := w.named(name)
	for _, effect := range r.Step(w.now, e) {
		w.print(name + " " + machineEffect(effect))
		if effect.Kind != SendAdvert || !w.linked || r.cut {
			continue
		}
		for _, other := range w.names {
			if other != name && !w.routers[other].cut {
				w.flying = append(w.flying, machineDelivery{w.now.Add(w.delay), other, Advert{
					Source: r.settings.Address, Priority: effect.Priority, Interval: r.settings.Interval,
				}})
			}
		}
	}
}

// pass lets time pass: at each moment what arrives comes first, then timers.
func (w *machineWorld) pass(d time.Duration) {
	end := w.now.Add(d)
	for steps := 0; ; steps++ {
		if steps > 10_000 {
			w.t.Fatal("time does not pass: a timer is always due")
		}
		next, name := time.Time{}, ""
		if len(w.flying) > 0 {
			next = w.flying[0].at
		}
		for _, n := range w.names {
			if at := w.routers[n].Next(); !at.IsZero() && (next.IsZero() || at.Before(next)) {
				next, name = at, n
			}
		}
		if next.IsZero() || next.After(end) {
			break
		}
		if next.After(w.now) {
			w.now = next
		}
		if name == "" {
			d := w.flying[0]
			w.flying = w.flying[1:]
			if !w.routers[d.to].cut {
				w.step(d.to, Event{Kind: Heard, Advert: d.advert})
			}
		} else {
			w.step(name, Event{Kind: Timer})
		}
		w.showStates()
	}
	w.now = end
}

// machineEffect is an effect in a transcript.
func machineEffect(e Effect) string {
	switch e.Kind {
	case SendAdvert:
		return fmt.Sprintf("%s %d", e.Kind, e.Priority)
	case Changed:
		return fmt.Sprintf("%s: %s -> %s: %s", e.Kind, e.From, e.To, e.Cause)
	case Wants:
		return fmt.Sprintf("%s: %s", e.Kind, e.Cause)
	case FailedOver:
		return fmt.Sprintf("%s done=%t", e.Kind, e.Done)
	default:
		return e.Kind.String()
	}
}

// showStates prints the state of each router whose state is another than was printed.
func (w *machineWorld) showStates() {
	for _, name := range w.names {
		r := w.routers[name]
		state := fmt.Sprintf("%s = %s, priority %d", name, r.State(), r.Effective())
		for _, flag := range []struct {
			is   bool
			text string
		}{
			{r.Holding(), ", holding"}, {r.StandingBy(), ", standing by"}, {r.Wanting(), ", wanting"},
		} {
			if flag.is {
				state += flag.text
			}
		}
		if addr, priority := r.Master(); addr.IsValid() && r.State() != Master {
			state += fmt.Sprintf(", master %s at %d", addr, priority)
		}
		if r.State() == Backup {
			state += fmt.Sprintf(", down after %s", round(r.MasterDownInterval()))
		}
		if state != r.shown {
			r.shown = state
			w.print(state)
		}
	}
}

// print prints a line, or counts it where it repeats the last one.
func (w *machineWorld) print(text string) {
	if n := len(w.lines); n > 0 && w.lines[n-1].text == text {
		w.lines[n-1].last = w.now
		w.lines[n-1].times++
		return
	}
	w.lines = append(w.lines, machineLine{w.now, w.now, text, 1})
}

// printed is what was printed, once.
func (w *machineWorld) printed() string {
	var out strings.Builder
	for _, l := range w.lines {
		fmt.Fprintf(&out, "%10.4f  %s", l.first.Sub(w.start).Seconds(), l.text)
		if l.times > 1 {
			fmt.Fprintf(&out, ", %d times until %.4f", l.times, l.last.Sub(w.start).Seconds())
		}
		out.WriteString("\n")
	}
	w.lines = nil
	return out.String()
}

func (w *machineWorld) named(name string) *machineRouter {
	w.t.Helper()
	r, ok := w.routers[name]
	if !ok {
		w.t.Fatalf("no router %q", name)
	}
	return r
}

func (w *machineWorld) duration(s string) time.Duration {
	w.t.Helper()
	d, err := time.ParseDuration(s)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *machineWorld) number(s string) uint8 {
	w.t.Helper()
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil {
		w.t.Fatal(err)
	}
	return uint8(n)
}
