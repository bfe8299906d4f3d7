package heartbeat

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/lab/script"
	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// TestScripts runs the transcripts in testdata: lines of commands, ----, and what came
// of them. Read them as the specification; after a change of behaviour,
// `go test ./checker/heartbeat -run TestScripts -rewrite` writes them anew.
//
//	check NAME ID SERVICE [interval=1s misses=3 fallback secret=S,T]
//	remove NAME
//	beat ID SERVICE [STATE] inst= seq= [interval= weight= reason= secret=S|none|bad from= age=]
//	relay ID inst= seq= [part=1/1 children= interval= secret= from=]
//	+ ID SERVICE [STATE] inst= seq= age=      a line in the datagram of the relay before it
//	wait D                                    time passes, and the ledger finds out
//	poll NAME inst=N|none                     the outcome of a poll
//	stalled D | lost N                        the director's own trouble
//	restart                                   a new ledger, from the saved marks, with the same checks
//	note NAME | marks | stats
func TestScripts(t *testing.T) {
	script.Test(t, "testdata/*.txt", func(t *testing.T) func(lines []string) string {
		w := &world{t: t, ledger: New(Marks{}), checks: make(map[string]Check), handles: make(map[string]Handle)}
		return w.run
	})
}

// world is what a transcript acts on.
type world struct {
	t       *testing.T
	ledger  *Ledger
	now     time.Duration
	names   []string
	checks  map[string]Check
	handles map[string]Handle
	out     strings.Builder

	relay    wire.Relay // that is being put together
	lines    [][]byte
	relayKey []byte
	from     netip.AddrPort
	open     bool
}

// words are the words of a command, and its key=value pairs.
type words struct {
	t    *testing.T
	args []string
	opts map[string]string
}

func parse(t *testing.T, line string) words {
	w := words{t: t, opts: make(map[string]string)}
	for _, word := range script.Words(t, line) {
		if key, value, found := strings.Cut(word, "="); found && key != "" {
			w.opts[key] = value
		} else {
			w.args = append(w.args, word)
		}
	}
	// A value with spaces stands in quotes after its key: reason= "disk full".
	if v, ok := w.opts["reason"]; ok && v == "" {
		w.opts["reason"], w.args = w.args[len(w.args)-1], w.args[:len(w.args)-1]
	}
	return w
}

func (w words) number(key string, other uint64) uint64 {
	text, ok := w.opts[key]
	if !ok {
		return other
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w words) duration(key string, other time.Duration) time.Duration {
	text, ok := w.opts[key]
	if !ok {
		return other
	}
	return duration(w.t, text)
}

func duration(t *testing.T, text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// key is the key of a sender by the secret it names, "fleet" where it names none.
func (w words) key(id string) []byte {
	secret := "fleet"
	if s, ok := w.opts["secret"]; ok {
		secret = s
	}
	if secret == "none" {
		return nil
	}
	return wire.DeriveKey([]byte(secret), id)
}

func (w words) source(other string) netip.AddrPort {
	if text, ok := w.opts["from"]; ok {
		return netip.MustParseAddrPort(text)
	}
	return netip.MustParseAddrPort(other)
}

// line makes the line of a heartbeat, signed and aged.
func (w words) line() []byte {
	h := wire.Heartbeat{
		State: wire.Up, ID: w.args[1], Service: w.args[2], Instance: w.number("inst", 1), Seq: w.number("seq", 1),
		Interval: w.duration("interval", time.Second), Reason: w.opts["reason"],
	}
	if len(w.args) > 3 {
		h.State = wire.State(w.args[3])
	}
	if _, ok := w.opts["weight"]; ok {
		h.Weight = wire.Some(w.number("weight", 0))
	}
	return aged(w.t, signed(w.t, h, w.key(h.ID)), w.opts["age"])
}

// signed makes the line of a heartbeat, with a mac where there is a key.
func signed(t testing.TB, h wire.Heartbeat, key []byte) []byte {
	line, err := h.AppendText(nil)
	if err == nil && key != nil {
		line, err = wire.SignHeartbeat(line, key)
	}
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func aged(t *testing.T, line []byte, age string) []byte {
	if age == "" {
		return line
	}
	return wire.AppendAged(nil, line, duration(t, age))
}

func (w *world) run(lines []string) string {
	w.out.Reset()
	for _, line := range lines {
		c := parse(w.t, line)
		if c.args[0] != "+" {
			w.sendRelay()
		}
		w.do(c)
	}
	w.sendRelay()
	return w.out.String()
}

func (w *world) printf(format string, args ...any) {
	fmt.Fprintf(&w.out, "%8s  %s\n", fmt.Sprintf("%.1fs", w.now.Seconds()), fmt.Sprintf(format, args...))
}

func (w *world) do(c words) {
	switch c.args[0] {
	case "check":
		w.add(c)
	case "remove":
		w.ledger.Remove(w.now, w.handles[c.args[1]])
	case "beat":
		v := w.ledger.Receive(w.now, c.source("192.0.2.21:4000"), append(c.line(), '\n'))
		if v != Accepted {
			w.printf("%s", v)
		}
	case "relay":
		w.open, w.lines, w.from = true, nil, c.source("192.0.2.7:9652")
		w.relayKey = c.key(c.args[1])
		w.relay = wire.Relay{
			ID: c.args[1], Instance: c.number("inst", 1), Seq: c.number("seq", 1), Part: 1, Parts: 1,
			Interval: c.duration("interval", time.Second), Children: int(c.number("children", 1<<20)),
		}
		if part, ok := c.opts["part"]; ok {
			if _, err := fmt.Sscanf(part, "%d/%d", &w.relay.Part, &w.relay.Parts); err != nil {
				w.t.Fatal(err)
			}
		}
		return
	case "+":
		w.lines = append(w.lines, c.line())
		return
	case "wait":
		w.wait(duration(w.t, c.args[1]))
	case "poll":
		w.poll(c)
	case "stalled":
		d := duration(w.t, c.args[1])
		w.now += d
		w.ledger.Stalled(d)
	case "lost":
		w.ledger.Lost(w.now, 1)
	case "restart":
		w.restart()
	case "note":
		w.printf("%s: %s", c.args[1], w.ledger.Note(w.now, w.handles[c.args[1]]))
	case "marks":
		text, err := json.Marshal(w.ledger.Marks())
		if err != nil {
			w.t.Fatal(err)
		}
		w.printf("%s", text)
	case "stats":
		w.stats()
	default:
		w.t.Fatalf("no such command: %v", c.args)
	}
	w.findings()
}

func (w *world) add(c words) {
	check := Check{
		ID: c.args[2], Service: c.args[3], Interval: c.duration("interval", time.Second), Misses: int(c.number("misses", 3)),
		Fallback: len(c.args) > 4 && c.args[4] == "fallback", Seed: 1 << 63,
	}
	switch s, ok := c.opts["secret"]; {
	case !ok:
		check.Secrets = [][]byte{[]byte("fleet")}
	case s != "none":
		for text := range strings.SplitSeq(s, ",") {
			check.Secrets = append(check.Secrets, []byte(text))
		}
	}
	handle, err := w.ledger.Add(w.now, check)
	if err != nil {
		w.printf("%s: %s", c.args[1], err)
		return
	}
	w.names = append(w.names, c.args[1])
	w.checks[c.args[1]], w.handles[c.args[1]] = check, handle
}

func (w *world) sendRelay() {
	if !w.open {
		return
	}
	w.open = false
	if w.relay.Children == 1<<20 {
		w.relay.Children = len(w.lines)
	}
	datagram, err := wire.AppendRelay(nil, w.relay, w.relayKey, w.lines...)
	if err != nil {
		w.t.Fatal(err)
	}
	before := w.ledger.tally.counts
	if v := w.ledger.Receive(w.now, w.from, datagram); v != Accepted {
		w.printf("%s", v)
	} else {
		before[Accepted]++
		for v := range verdicts {
			if n := w.ledger.tally.counts[v] - before[v]; n > 0 && v != Accepted {
				w.printf("%s: %d", v, n)
			}
		}
	}
	w.findings()
}

// wait lets time pass from one moment that the ledger names to the next.
func (w *world) wait(d time.Duration) {
	for end := w.now + d; w.now < end; {
		next, ok := w.ledger.Next()
		if !ok || next > end {
			next = end
		}
		w.now = max(next, w.now)
		w.ledger.Tick(w.now)
		w.findings()
	}
}

func (w *world) poll(c words) {
	instance := ""
	if c.opts["inst"] != "none" {
		instance = wire.FormatInstance(c.number("inst", 0))
	}
	if w.ledger.Polled(w.now, w.handles[c.args[1]], instance) {
		w.printf("%s: the poll decides", c.args[1])
	}
}

func (w *world) restart() {
	text, err := json.Marshal(w.ledger.Marks())
	if err != nil {
		w.t.Fatal(err)
	}
	var m Marks
	if err := json.Unmarshal(text, &m); err != nil {
		w.t.Fatal(err)
	}
	w.ledger = New(m)
	for _, name := range w.names {
		var err error
		if w.handles[name], err = w.ledger.Add(w.now, w.checks[name]); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) findings() {
	for _, f := range w.ledger.Findings() {
		name := "?"
		for n, h := range w.handles {
			if h == f.Check {
				name = n
			}
		}
		text := f.Kind.String()
		switch f.Kind {
		case Said:
			text = fmt.Sprintf("says %s, instance %x, seq %d", f.Line.State, f.Line.Instance, f.Line.Seq)
			if f.Line.Weight.Given {
				text += fmt.Sprintf(", weight %d", f.Line.Weight.Value)
			}
			if f.Line.Reason != "" {
				text += ": " + f.Line.Reason
			}
		case Silent:
			text = "DOWN"
		case Ask:
			text = "is to be polled"
		}
		if f.Reason != "" {
			text += ", " + f.Reason
		}
		w.printf("%s %s", name, text)
	}
}

func (w *world) stats() {
	s := w.ledger.Stats(w.now)
	w.printf("%d children, %d checks: %d unheard, %d silent, %d unsure; %d held, %d unconfirmed; %d lost", s.Children, s.Checks,
		s.Unheard, s.Silent, s.Unsure, s.Held, s.Unconfirmed, s.LostInSocket)
	for _, v := range s.Verdicts {
		w.printf("%s %d", v.Verdict, v.Count)
		for _, e := range v.Examples {
			w.printf("  at %s from %s, id %q, relay %q", e.At, e.From, e.ID, e.Relay)
		}
	}
	for _, r := range s.Relays {
		w.printf("relay %s: live %t, instance %s, round %d, %d complete, %d children, each %s, from %s", r.ID, r.Live, r.Instance,
			r.Round, r.Complete, r.Children, r.Interval, r.From)
	}
}
