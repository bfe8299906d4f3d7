package checker

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTicksFitTheirInterval(t *testing.T) {
	for interval, want := range map[time.Duration]time.Duration{
		time.Hour: 20 * time.Millisecond, time.Second: 20 * time.Millisecond, 999 * time.Millisecond: 10 * time.Millisecond,
		500 * time.Millisecond: 10 * time.Millisecond, 250 * time.Millisecond: 5 * time.Millisecond,
		200 * time.Millisecond: 2 * time.Millisecond, 10 * time.Millisecond: 200 * time.Microsecond,
		minInterval: 20 * time.Microsecond, 1: 1,
	} {
		if got := tick(interval); got != want {
			t.Errorf("tick of %s is %s, want %s", interval, got, want)
		}
	}
	if got := onTick(20*time.Millisecond+1, time.Second); got != 40*time.Millisecond {
		t.Errorf("20.000001 ms is put on %s", got)
	}
	if got := onTick(20*time.Millisecond, time.Second); got != 20*time.Millisecond {
		t.Errorf("20 ms is put on %s", got)
	}
}

func TestTheNextRun(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	for _, c := range []struct {
		name                      string
		due, started, every, want time.Duration
	}{
		{"in time", 10 * s, 10 * s, s, 11 * s},
		{"a little late keeps its place", 10 * s, 10*s + 400*ms, s, 11 * s},
		{"late by more than half leaves one out", 10 * s, 10*s + 600*ms, s, 12 * s},
		{"late by many intervals keeps its place", 10 * s, 20*s + 100*ms, s, 21 * s},
		{"fast", 10 * s, 10 * s, 200 * ms, 10*s + 200*ms},
	} {
		if got := next(c.due, c.started, c.every); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		every := time.Duration(rapid.Int64Range(int64(minInterval), int64(time.Minute)).Draw(t, "every"))
		due := time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "due"))
		started := due + time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "late"))
		n := next(due, started, every)
		if (n-due)%every != 0 || n < started+every/2 || n > started+every/2+every {
			t.Fatalf("the next after %s, started at %s, each %s, is %s", due, started, every, n)
		}
	})
}

func TestFirstRunsAreSpread(t *testing.T) {
	const checks, interval = 10000, 2 * time.Second
	var counts [10]int
	for i := range checks {
		key := Spec{Options: Command{Argv: []string{string(rune(i))}}}.Key()
		at := spread(key, interval)
		if at < 0 || at >= interval {
			t.Fatalf("a first run after %s", at)
		}
		if at != spread(key, interval) {
			t.Fatal("a check is not spread to the same place twice")
		}
		if long := spread(key, time.Hour); long >= maxSpread {
			t.Fatalf("a first run after %s", long)
		}
		counts[at*10/interval]++
	}
	for i, n := range counts {
		if n < 800 || n > 1200 { // the keys are fixed: this can't change by chance
			t.Errorf("%d of %d first runs are in tenth %d of the interval", n, checks, i+1)
		}
	}
}
