package checker

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func TestSetKeepsWhatDidNotChange(t *testing.T) {
	var log logbook
	run := func(_ context.Context, s Spec) Result {
		log.note(s)
		time.Sleep(100 * time.Millisecond)
		return success()
	}
	simulate(t, Config{}, run, func(t *testing.T, e *Engine) {
		e.Set(fakeSpecs(3, second))
		collect(e, 2500*time.Millisecond)
		for range 100 { // reloads, at all moments of a run, and with changes of others
			e.Set(append(fakeSpecs(3, second), fakeSpec("new", second), fakeSpec("0", second)))
			collect(e, 17*time.Millisecond)
			e.Set(fakeSpecs(3, second))
			collect(e, 13*time.Millisecond)
		}
		streaks := make(map[Key]int)
		for _, event := range collect(e, time.Second) {
			streaks[event.Key] = event.Streak
		}
		for i, s := range fakeSpecs(3, second) {
			for _, gap := range log.gaps(fmt.Sprint(i)) {
				if gap != second.Interval {
					t.Errorf("check %d: two runs are %s apart", i, gap)
				}
			}
			if got, want := streaks[s.Key()], len(log.of(fmt.Sprint(i))); got < want-1 {
				t.Errorf("check %d: a streak of %d after %d successes", i, got, want)
			}
		}
	})
}

func TestSetCutsTheRunsOfRemovedChecksShort(t *testing.T) {
	cut := make(chan error, 1)
	run := func(ctx context.Context, _ Spec) Result {
		<-ctx.Done()
		cut <- ctx.Err()
		return failed("cut short")
	}
	simulate(t, Config{}, run, func(t *testing.T, e *Engine) {
		timing := second
		timing.Timeout = timing.Interval
		e.Set(fakeSpecs(1, timing))
		for e.Stats().Running == 0 {
			time.Sleep(time.Millisecond)
		}
		e.Set(nil)
		if err := <-cut; !errors.Is(err, context.Canceled) {
			t.Errorf("the run saw %v", err)
		}
		if events := collect(e, time.Minute); len(events) != 0 {
			t.Errorf("%d events of a removed check", len(events))
		}
		if s := e.Stats(); s.Checks != 0 || s.Running != 0 || s.Runs != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// Once Set has returned, events are of the checks that it set, and those of a check
// that was away begin anew. The consumer is slower than the checks, so that events
// always wait.
func TestNoEventOfARemovedCheckAfterSet(t *testing.T) {
	timing := Timing{Interval: 10 * time.Millisecond, Timeout: 10 * time.Millisecond, FastInterval: 10 * time.Millisecond, Fall: 1, Rise: 1}
	all := fakeSpecs(16, timing)
	run := func(context.Context, Spec) Result { return success() }
	simulate(t, Config{MaxPending: 64}, run, func(t *testing.T, e *Engine) {
		streaks := make(map[Key]int)
		for round := range 500 {
			var specs []Spec
			set := make(map[Key]bool)
			for i, s := range all {
				if (round*7+i*i)%5 < 3 {
					specs, set[s.Key()] = append(specs, s), true
				}
			}
			e.Set(specs)
			for key := range streaks {
				if !set[key] {
					delete(streaks, key)
				}
			}
			time.Sleep(time.Duration(round%40) * time.Millisecond)
			for range round % 20 {
				event := <-e.Events()
				if !set[event.Key] {
					t.Fatalf("round %d: an event of a check that is not set", round)
				}
				if streaks[event.Key]++; event.Streak != streaks[event.Key] {
					t.Fatalf("round %d: streak %d, want %d", round, event.Streak, streaks[event.Key])
				}
			}
		}
	})
}

// What was set before Run runs as well.
func TestSetBeforeRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(Config{}.withDefaults(), runFunc(func(context.Context, Spec) Result { return success() }).of)
		e.Set(fakeSpecs(3, second))
		e.Set(fakeSpecs(2, second))
		time.Sleep(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		ended := make(chan error)
		go func() { ended <- e.Run(ctx) }()
		seen := make(map[Key]bool)
		for event := range e.Events() {
			seen[event.Key] = true
		}
		if err := <-ended; err != nil || len(seen) != 2 {
			t.Errorf("%d checks ran, and Run returned %v", len(seen), err)
		}
		if s := e.Stats(); s.LateStarts != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestASpecThatIsNotValidSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New(Config{})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- e.Run(ctx) }()
		e.Set([]Spec{{Target: netip.MustParseAddrPort("192.0.2.1:80"), Options: Command{}, Timing: second}})
		expect(t, (<-e.Events()).Result, Inconclusive, "this check can't run: the command names no program")
		e.Set([]Spec{{}})
		expect(t, (<-e.Events()).Result, Inconclusive, "this check can't run: interval 0s is shorter than 1ms")
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	expect(t, once(Spec{}), Inconclusive, "this check can't run: interval 0s is shorter than 1ms")
}
