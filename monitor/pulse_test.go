package monitor

import (
	"testing"
	"time"
)

func TestSeqIsTheNumberOfTheInterval(t *testing.T) {
	zero := time.Now()
	at := func(s float64) time.Time { return zero.Add(time.Duration(s * float64(time.Second))) }
	ps := newPulses()
	key := childKey{"a", "app"}
	p, ok := ps.begin(key, time.Second, zero)
	if !ok {
		t.Fatal("not begun")
	}
	if _, ok := ps.begin(key, time.Second, zero); ok {
		t.Error("two senders for one id and service")
	}
	if _, ok := ps.begin(childKey{"a", "mail"}, time.Second, zero); !ok {
		t.Error("another service is refused")
	}
	for _, c := range []struct {
		at   float64
		seq  uint64
		next float64
	}{
		{0, 1, 1},
		{1, 2, 2},
		{2.3, 3, 3}, // a little late: the next one is not
		{3, 4, 4},
		{9.5, 10, 10}, // late by more than an interval: one for all that were missed
		{10, 11, 11},
	} {
		if seq, next := p.beat(at(c.at)); seq != c.seq || !next.Equal(at(c.next)) {
			t.Errorf("at %v: seq %d, next at %s, wanted %d and %v", c.at, seq, next.Sub(zero), c.seq, c.next)
		}
	}
	p.again(at(10.4)) // what can't wait
	if seq, next := p.beat(at(10.4)); seq != 12 || !next.Equal(at(11.4)) {
		t.Errorf("seq %d, next at %s", seq, next.Sub(zero))
	}
	// Whoever takes its place goes on with its seq, with whatever interval.
	ps.end(key, p)
	p, ok = ps.begin(key, time.Minute, at(20))
	if seq, _ := p.beat(at(20)); seq != 13 || !ok {
		t.Errorf("seq %d", seq)
	}
}
