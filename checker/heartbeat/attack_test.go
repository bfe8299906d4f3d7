package heartbeat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// Whatever comes from somebody without a server's key, be it forged, played again, held
// back, out of order, of an earlier start, or through relays that have every other key: it
// makes no dead server up, keeps none up that was heard directly, and condemns none that is
// alive. With a fallback, the server says in polls which of its starts runs.
func TestWithoutTheKeyNobodyIsRevived(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := newAttack(t)
		for range rapid.IntRange(1, 8).Draw(t, "lines of the server") {
			a.beat()
			a.molest(3)
			a.pass(a.check.Interval)
		}
		if a.state() != fresh {
			t.Fatalf("the server is alive, and its check in state %d", a.state())
		}
		a.dead, a.died = true, a.now
		for a.now < a.died+2*a.check.limit()+2*a.check.Interval {
			a.molest(4)
			a.pass(time.Duration(rapid.IntRange(1, 900).Draw(t, "ms")) * time.Millisecond)
		}
		if s := a.state(); s != silent && (s != unsure || !a.check.Fallback) {
			t.Fatalf("%s after its death the server's check is in state %d: %s", a.now-a.died, a.state(), a.l.Note(a.now, a.h))
		}
	})
}

// attack is a ledger, a server, and somebody who has heard all its lines.
type attack struct {
	t        *rapid.T
	l        *Ledger
	h        Handle
	check    Check
	now      time.Duration
	seq      uint64
	told     uint64 // the newest seq that counted
	dead     bool
	died     time.Duration
	recorded [][]byte // datagrams
	lines    [][]byte // of the server
	rounds   map[string]uint64
}

func newAttack(t *rapid.T) *attack {
	a := &attack{t: t, l: New(Marks{}), rounds: make(map[string]uint64)}
	a.check = Check{
		ID: "a", Service: "web", Secrets: [][]byte{fleet}, Interval: time.Second,
		Misses: rapid.IntRange(2, 4).Draw(t, "misses"), Fallback: rapid.Bool().Draw(t, "fallback"),
	}
	var err error
	if a.h, err = a.l.Add(0, a.check); err != nil {
		t.Fatal(err)
	}
	earlier := []uint64{5, 6} // heard yesterday, and kept
	if a.check.Fallback && rapid.Bool().Draw(t, "clock was ahead") {
		earlier = append(earlier, ahead)
		a.startAhead()
	}
	for _, instance := range earlier {
		for seq := range uint64(4) {
			a.lines = append(a.lines, a.line(instance, seq+1))
			a.recorded = append(a.recorded, append(a.line(instance, seq+1), '\n'))
		}
	}
	return a
}

// startAhead lets the server be heard under the start that was ahead, and then be silent, so
// that its next start seems to be before that.
func (a *attack) startAhead() {
	a.l.Receive(a.now, anywhere, append(a.line(ahead, 5), '\n'))
	a.l.Polled(a.now, a.h, wire.FormatInstance(ahead))
	a.l.Tick(a.check.limit() + time.Second)
	a.l.Findings()
	a.now = a.check.limit() + time.Second + a.check.Interval // it may be polled again
}

func (a *attack) state() state { return a.l.watches[a.h].state }

// beat sends the server's next line, which is first with the director.
func (a *attack) beat() {
	a.seq++
	line := a.line(running, a.seq)
	a.lines = append(a.lines, line)
	a.send(append(bytes.Clone(line), '\n'))
	if a.told != a.seq {
		a.t.Fatalf("seq %d of the server did not count", a.seq)
	}
}

// running is the server's instance; it is dead in the end, and no other runs any more.
const running = 7

// ahead is a start of the server's before that, when its clock was ahead.
const ahead = 9

// line makes a line of the server's, rightly signed.
func (a *attack) line(instance, seq uint64) []byte {
	h := wire.Heartbeat{State: wire.Up, ID: a.check.ID, Service: a.check.Service, Instance: instance, Seq: seq, Interval: time.Second}
	line, err := h.AppendText(nil)
	if err == nil {
		line, err = wire.SignHeartbeat(line, wire.DeriveKey(fleet, a.check.ID))
	}
	if err != nil {
		a.t.Fatal(err)
	}
	return line
}

func (a *attack) send(datagram []byte) {
	a.recorded = append(a.recorded, bytes.Clone(datagram))
	a.l.Receive(a.now, anywhere, datagram)
	a.findings()
}

func (a *attack) findings() {
	for _, f := range a.l.Findings() {
		switch {
		case f.Kind == Ask && a.dead:
			a.l.Polled(a.now, a.h, "")
		case f.Kind == Ask:
			a.l.Polled(a.now, a.h, wire.FormatInstance(running))
			a.findings()
		case f.Kind == Said && (a.dead || f.Line.Seq != a.seq || f.Line.Seq <= a.told || f.Line.Instance != running || f.Line.State != wire.Up):
			a.t.Fatalf("the server sent up to seq %d; %v counts", a.seq, f.Line)
		case f.Kind == Said:
			a.told = f.Line.Seq
		case !a.dead:
			a.t.Fatalf("the server is alive, and %s is found: %s", f.Kind, f.Reason)
		}
	}
}

func (a *attack) pass(d time.Duration) {
	for end := a.now + d; a.now < end; {
		next, _ := a.l.Next()
		a.now = max(a.now, min(end, next))
		a.l.Tick(a.now)
		a.findings()
	}
}

// molest does up to n things that need no key of the server's.
func (a *attack) molest(n int) {
	for range rapid.IntRange(0, n).Draw(a.t, "attacks") {
		switch rapid.IntRange(0, 5).Draw(a.t, "attack") {
		case 0: // anything again
			a.send(rapid.SampledFrom(a.recorded).Draw(a.t, "recorded"))
		case 1: // with a byte changed
			d := bytes.Clone(rapid.SampledFrom(a.recorded).Draw(a.t, "recorded"))
			d[rapid.IntRange(0, len(d)-1).Draw(a.t, "at")] ^= byte(rapid.IntRange(1, 255).Draw(a.t, "change"))
			a.send(d)
		case 2: // a line forged
			a.send(append(a.forged(), '\n'))
		case 3: // marks saved and restored: the same, or it would be a way in
			a.saved()
		default:
			a.send(a.relayed())
		}
	}
}

// saved tells that marks say what the ledger knows.
func (a *attack) saved() {
	text, err := json.Marshal(a.l.Marks())
	if err != nil {
		a.t.Fatal(err)
	}
	var m Marks
	if err := json.Unmarshal(text, &m); err != nil {
		a.t.Fatal(err)
	}
	after := New(m)
	if _, err := after.Add(a.now, a.check); err != nil {
		a.t.Fatal(err)
	}
	for _, datagram := range a.recorded {
		after.Receive(a.now, anywhere, datagram)
	}
	for _, f := range after.Findings() {
		if f.Kind == Said {
			a.t.Fatalf("after a restart %v counts again", f.Line)
		}
	}
}

// forged makes a line with a key that is not the server's.
func (a *attack) forged() []byte {
	h := wire.Heartbeat{
		State: wire.State(rapid.SampledFrom([]string{"up", "maint", "down"}).Draw(a.t, "state")),
		ID:    a.check.ID, Service: a.check.Service, Instance: uint64(rapid.IntRange(6, 10).Draw(a.t, "instance")),
		Seq: uint64(rapid.IntRange(0, 12).Draw(a.t, "seq")), Interval: time.Second,
	}
	line, err := h.AppendText(nil)
	if err == nil {
		line, err = wire.SignHeartbeat(line, wire.DeriveKey(fleet, rapid.SampledFrom([]string{"b", "rack7", "rack8"}).Draw(a.t, "key")))
	}
	if err != nil {
		a.t.Fatal(err)
	}
	return line
}

// relayed makes a datagram of a relay that has its key and means ill.
func (a *attack) relayed() []byte {
	id := rapid.SampledFrom([]string{"rack7", "rack8"}).Draw(a.t, "relay")
	a.rounds[id] += uint64(rapid.IntRange(0, 2).Draw(a.t, "rounds"))
	var lines [][]byte
	for range rapid.IntRange(0, 3).Draw(a.t, "lines") {
		line := rapid.SampledFrom(a.lines).Draw(a.t, "line")
		if rapid.Bool().Draw(a.t, "is forged") {
			line = a.forged()
		}
		age := rapid.SampledFrom([]int{0, 10, 900, 3000, 5000, 100000}).Draw(a.t, "age")
		lines = append(lines, wire.AppendAged(nil, line, time.Duration(age)*time.Millisecond))
	}
	datagram, err := wire.AppendRelay(nil, wire.Relay{
		ID: id, Instance: uint64(rapid.IntRange(1, 2).Draw(a.t, "relay's instance")), Seq: a.rounds[id],
		Interval: rapid.SampledFrom([]time.Duration{10 * time.Millisecond, time.Second, time.Hour}).Draw(a.t, "cadence"),
		Part:     rapid.IntRange(1, 2).Draw(a.t, "part"), Parts: 2, Children: 3,
	}, wire.DeriveKey(fleet, id), lines...)
	if err != nil {
		a.t.Fatal(err)
	}
	return datagram
}

// An hour in which every 20th datagram is lost, on both legs of both ways: nobody is down,
// and nothing unknown.
func TestAnHourOfLossCondemnsNobody(t *testing.T) {
	const servers = 12
	random := rand.New(rand.NewPCG(1, 2))
	lost := func() bool { return random.IntN(20) == 0 }
	l := New(Marks{})
	for i := range servers {
		add(t, l, Check{ID: fmt.Sprint(i), Service: "web", Secrets: [][]byte{fleet}, Interval: time.Second, Misses: 3})
	}
	type had struct {
		line []byte
		at   time.Duration
	}
	racks := [2][servers]had{}
	found := make(map[Kind]int)
	var now time.Duration
	tick := func(to time.Duration) {
		for now = to; ; {
			if next, ok := l.Next(); !ok || next > to {
				break
			}
			l.Tick(to)
		}
		for _, f := range l.Findings() {
			if found[f.Kind]++; f.Kind != Said {
				t.Errorf("%s: %s", f.Kind, f.Reason)
			}
		}
	}
	for second := range 3600 {
		begin := time.Duration(second) * time.Second
		for i := range servers {
			line := said(t, fmt.Sprint(i), "web", 7, uint64(second+1))
			for r := range racks {
				if !lost() {
					racks[r][i] = had{line, begin}
				}
			}
		}
		for r := range racks {
			for p := range servers / 6 {
				tick(begin + time.Duration(100+300*r+100*p)*time.Millisecond)
				var lines [][]byte
				for i := 6 * p; i < 6*p+6; i++ {
					if k := racks[r][i]; k.line != nil {
						lines = append(lines, wire.AppendAged(nil, k.line, now-k.at))
					}
				}
				id := fmt.Sprint("rack", r)
				datagram := relayedAs(t, wire.Relay{
					ID: id, Instance: 1, Seq: uint64(second + 1), Part: p + 1, Parts: servers / 6, Children: servers,
				}, wire.DeriveKey(fleet, id), lines...)
				if !lost() {
					l.Receive(now, anywhere, datagram)
				}
			}
		}
	}
	if least := servers * 3600 * 97 / 100; found[Said] < least {
		t.Errorf("only %d lines counted, at least %d wanted", found[Said], least)
	}
}
