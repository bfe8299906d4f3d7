package monitor

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

var (
	relayKey   = wire.DeriveKey([]byte(secret), "rack7")
	childKeyOf = func(id string) []byte { return wire.DeriveKey([]byte(secret), id) }
)

// testRounds are those of the relay rack7, with a cadence of a second.
func testRounds() rounds {
	return newRounds(RelayOptions{ID: "rack7", Key: relayKey, Cadence: time.Second}, 7)
}

// hear lets a child say something at now.
func (r *rounds) hear(t testing.TB, now time.Time, id string, seq uint64, reason string) {
	t.Helper()
	line := append(beatLine(t, id, 5, seq, reason, childKeyOf(id)), '\n')
	if why := r.nursery.hear(line, here, now, r.seq); why != kept {
		t.Fatalf("%s seq %d: %s", id, seq, dropNames[why])
	}
}

// part is one datagram as a director reads it.
type part struct {
	at time.Duration
	wire.Relay
	size     int
	children []wire.Heartbeat
}

// runUntil takes the parts that are due from now until end, each at its time, and checks what every datagram must be.
func (r *rounds) runUntil(t testing.TB, zero, now, end time.Time) (parts []part) {
	t.Helper()
	for {
		datagram, at, err := r.due(now)
		if err != nil {
			t.Fatal(err)
		}
		if datagram == nil {
			if !at.After(now) {
				t.Fatalf("at %s nothing is due, and the next part at %s", now.Sub(zero), at.Sub(zero))
			}
			if at.After(end) {
				return parts
			}
			now = at
			continue
		}
		parts = append(parts, readPart(t, now.Sub(zero), datagram))
	}
}

func readPart(t testing.TB, at time.Duration, datagram []byte) part {
	t.Helper()
	if err := wire.VerifyRelay(datagram, relayKey); err != nil {
		t.Fatal(err)
	}
	said, lines, err := wire.ParseRelay(datagram)
	if err != nil {
		t.Fatal(err)
	}
	p := part{at: at, Relay: said, size: len(datagram)}
	for _, line := range lines {
		child, err := wire.ParseHeartbeat(line)
		if err == nil {
			err = wire.VerifyHeartbeat(line, childKeyOf(child.ID))
		}
		if err != nil || !child.Age.Given {
			t.Fatalf("%s: %v", line, err)
		}
		p.children = append(p.children, child)
	}
	return p
}

// An empty round is sent as well: the relay lives.
func TestAnEmptyRoundIsSent(t *testing.T) {
	r, zero := testRounds(), time.Now()
	parts := r.runUntil(t, zero, zero, zero.Add(3*time.Second))
	if len(parts) != 4 {
		t.Fatalf("%d parts", len(parts))
	}
	for i, p := range parts {
		if p.at != time.Duration(i)*time.Second || p.Seq != uint64(i+1) || p.Part != 1 || p.Parts != 1 || p.Children != 0 ||
			p.ID != "rack7" || p.Instance != 7 || p.Interval != time.Second {
			t.Errorf("%s: %+v", p.at, p.Relay)
		}
	}
}

// Each round has every child once, in parts that are as full as may be and spread evenly over the cadence, and the
// children are in another order in each.
func TestARoundHasEveryChildOnce(t *testing.T) {
	r, zero := testRounds(), time.Now()
	const children = 103
	for i := range children {
		r.hear(t, zero, fmt.Sprint("child-", i), 1, "")
	}
	var firsts []string
	sent := map[string]time.Duration{}
	for round := range 20 {
		began := zero.Add(time.Duration(round) * time.Second)
		parts := r.runUntil(t, zero, began, began.Add(time.Second-1))
		seen := map[string]bool{}
		for i, p := range parts {
			if p.Seq != uint64(round+1) || p.Part != i+1 || p.Parts != len(parts) || p.Children != children {
				t.Errorf("round %d, part %d: %+v", round, i, p.Relay)
			}
			even := began.Add(time.Second * time.Duration(i) / time.Duration(len(parts)))
			if p.at != even.Sub(zero) {
				t.Errorf("round %d, part %d of %d is sent at %s", round, i+1, len(parts), p.at)
			}
			if i < len(parts)-1 && p.size < wire.MaxDatagram-300 {
				t.Errorf("round %d, part %d of %d has %d bytes", round, i+1, len(parts), p.size)
			}
			for _, c := range p.children {
				if seen[c.ID] {
					t.Errorf("round %d has %s twice", round, c.ID)
				}
				seen[c.ID] = true
				if got, want := c.Age.Value, uint64(p.at.Milliseconds()); got != want {
					t.Errorf("%s is %d ms old at %s", c.ID, got, p.at)
				}
				// Never long after the last time: that would look like a silence.
				if last, before := sent[c.ID]; before && p.at-last > time.Second+2*time.Second/time.Duration(len(parts)) {
					t.Errorf("%s was not sent from %s to %s", c.ID, last, p.at)
				}
				sent[c.ID] = p.at
			}
		}
		if len(seen) != children {
			t.Errorf("round %d has %d children", round, len(seen))
		}
		firsts = append(firsts, parts[0].children[0].ID)
	}
	for i := 1; i < len(firsts); i++ {
		if firsts[i] == firsts[i-1] {
			t.Errorf("rounds %d and %d begin with %s", i-1, i, firsts[i])
		}
	}
}

// What is sent is what is so at that moment, and the age is that of the line.
func TestALineIsSentAsItIsAtThatMoment(t *testing.T) {
	r, zero := testRounds(), time.Now()
	at := func(ms int) time.Time { return zero.Add(time.Duration(ms) * time.Millisecond) }
	for i := range 14 { // parts of 6, 6 and 2, and the first round begins with the last child
		r.hear(t, zero, fmt.Sprint("child-", i), 1, "")
	}
	first := r.runUntil(t, zero, at(0), at(100))
	if len(first) != 1 || first[0].Parts != 3 {
		t.Fatalf("%+v", first)
	}
	r.hear(t, at(200), "child-12", 2, "")
	r.hear(t, at(250), "child-12", 3, "leaving")
	r.hear(t, at(250), "new", 1, "")      // is not of this round
	r.hear(t, at(260), "child-13", 2, "") // has been sent
	rest := r.runUntil(t, zero, at(300), at(999))
	if len(rest) != 2 {
		t.Fatalf("%+v", rest)
	}
	last := rest[1].children[len(rest[1].children)-1]
	if sent := rest[1].at.Milliseconds(); last.ID != "child-12" || last.Seq != 3 || last.Reason != "leaving" || last.Age.Value != uint64(sent-250) {
		t.Errorf("at %d ms: %s", sent, last)
	}
	second := r.runUntil(t, zero, at(1000), at(1999))
	seqs := map[string]uint64{}
	for _, p := range second {
		if p.Children != 15 {
			t.Errorf("%+v", p.Relay)
		}
		for _, c := range p.children {
			seqs[c.ID] = c.Seq
		}
	}
	if len(seqs) != 15 || seqs["new"] != 1 || seqs["child-13"] != 2 || seqs["child-12"] != 3 || seqs["child-1"] != 1 {
		t.Errorf("%v", seqs)
	}
}

// A line that has grown since the round began waits for the next one, if its part has no room: the number of parts is
// settled. The line that was there is sent.
func TestALineThatHasGrownTooLongWaits(t *testing.T) {
	r, zero := testRounds(), time.Now()
	for i := range 18 { // three full parts
		r.hear(t, zero, fmt.Sprint("child-", i), 1, "")
	}
	before := len(r.runUntil(t, zero, zero, zero))
	for i := range 18 {
		r.hear(t, zero.Add(time.Millisecond), fmt.Sprint("child-", i), 2, strings.Repeat("x", 250))
	}
	parts := r.runUntil(t, zero, zero.Add(time.Millisecond), zero.Add(time.Second-1))
	if before != 1 || len(parts) != 2 {
		t.Fatalf("%d and %d parts", before, len(parts))
	}
	for _, p := range parts {
		for _, c := range p.children {
			if c.Seq != 1 || c.Age.Value != uint64(p.at.Milliseconds()) {
				t.Errorf("at %s: %s", p.at, c)
			}
		}
	}
	n := 0
	for _, p := range r.runUntil(t, zero, zero.Add(time.Second), zero.Add(2*time.Second-1)) {
		for _, c := range p.children {
			if n++; c.Seq != 2 {
				t.Errorf("in the next round: %s", c)
			}
		}
	}
	if n != 18 {
		t.Errorf("%d children", n)
	}
}

// A relay that was held up sends no burst: what is left of its round is spread as before, and no round is skipped.
func TestALateRelaySendsNoBurst(t *testing.T) {
	r, zero := testRounds(), time.Now()
	for i := range 50 {
		r.hear(t, zero, fmt.Sprint("child-", i), 1, "")
	}
	r.runUntil(t, zero, zero, zero.Add(250*time.Millisecond))
	parts := r.runUntil(t, zero, zero.Add(5*time.Second), zero.Add(7*time.Second))
	for i := 1; i < len(parts); i++ {
		if pause := parts[i].at - parts[i-1].at; pause < 80*time.Millisecond || pause > 120*time.Millisecond {
			t.Errorf("%s between parts %d and %d", pause, i-1, i)
		}
	}
	if first := parts[0]; first.at != 5*time.Second || first.Seq != 1 || first.Part != 4 {
		t.Errorf("%+v", first)
	}
	// A little late makes up for it.
	r, zero = testRounds(), time.Now()
	if p := r.runUntil(t, zero, zero.Add(20*time.Millisecond), zero.Add(20*time.Millisecond)); len(p) != 1 {
		t.Fatal(p)
	}
	for i := 1; i < 10; i++ {
		late := zero.Add(time.Duration(i)*time.Second + 40*time.Millisecond)
		if p := r.runUntil(t, zero, late, late); len(p) != 1 {
			t.Errorf("%d parts at %s", len(p), late.Sub(zero))
		}
	}
}

// Whatever comes whenever, every round is whole, every datagram fits, and no line is one that did not come.
func TestRoundProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r, zero := testRounds(), time.Now()
		now := zero
		came := map[string]bool{}
		whole := map[uint64]map[string]bool{}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 500_000).Draw(rt, "µs")) * time.Microsecond)
			for range rapid.IntRange(0, 8).Draw(rt, "beats") {
				id := fmt.Sprint("child-", rapid.IntRange(0, 25).Draw(rt, "child"))
				seq := rapid.Uint64Range(0, 1000).Draw(rt, "seq")
				line := beatLine(t, id, 5, seq, strings.Repeat("x", rapid.IntRange(0, 250).Draw(rt, "reason")), nil)
				came[string(line)] = true
				r.nursery.hear(append(line, '\n'), here, now, r.seq)
			}
			for {
				datagram, at, err := r.due(now)
				if err != nil {
					rt.Fatal(err)
				}
				if datagram == nil {
					if !at.After(now) {
						rt.Fatalf("nothing is due, and the next part is due at %s", at.Sub(now))
					}
					break
				}
				said, lines, err := wire.ParseRelay(datagram)
				if err != nil || len(datagram) > wire.MaxDatagram {
					rt.Fatalf("%d bytes: %v", len(datagram), err)
				}
				if whole[said.Seq] == nil {
					whole[said.Seq] = map[string]bool{}
				}
				for _, line := range lines {
					bare, age, _ := bytes.Cut(line, []byte(" age="))
					if child, err := wire.ParseHeartbeat(line); err != nil || !came[string(bare)] {
						rt.Fatalf("%s age %s: %v", bare, age, err)
					} else {
						whole[said.Seq][child.ID] = true
					}
				}
				if said.Part == said.Parts && len(whole[said.Seq]) != said.Children {
					rt.Fatalf("round %d has %d children, not %d", said.Seq, len(whole[said.Seq]), said.Children)
				}
			}
		}
	})
}

// A round of 2,000 children, and the 2,000 heartbeats that come meanwhile.
func BenchmarkRelay(b *testing.B) {
	const children = 2000
	setUp := func(b *testing.B) (rounds, [][]byte, time.Time) {
		r, now := testRounds(), time.Now()
		lines := make([][]byte, children)
		for i := range lines {
			id := fmt.Sprintf("192.0.2.%d:%d", i%250, 2000+i)
			lines[i] = append(beatLine(b, id, 5, 1, "", childKeyOf(id)), '\n')
			r.nursery.hear(lines[i], here, now, 0)
		}
		return r, lines, now
	}
	b.Run("round", func(b *testing.B) {
		r, _, now := setUp(b)
		b.ReportAllocs()
		parts := 0
		for b.Loop() {
			for end := r.seq + 1; r.seq < end || r.next < len(r.ends); parts++ {
				datagram, at, err := r.due(now)
				if err != nil {
					b.Fatal(err)
				}
				if datagram == nil {
					now = at
				}
			}
			for _, c := range r.nursery.order {
				c.now.at = now // they all live
			}
		}
		b.ReportMetric(float64(len(r.ends)), "datagrams/op")
	})
	b.Run("heard", func(b *testing.B) {
		r, lines, now := setUp(b)
		b.ReportAllocs()
		for b.Loop() {
			now = now.Add(time.Second)
			for _, c := range r.nursery.order {
				c.now.seq = 0 // so that each is news
			}
			for _, line := range lines {
				if why := r.nursery.hear(line, here, now, 1); why != kept {
					b.Fatal(dropNames[why])
				}
			}
		}
	})
}
