package checker

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestRunsAtATimeAreBounded(t *testing.T) {
	var atWork, most atomic.Int32
	run := func(context.Context, Spec) Result {
		now := atWork.Add(1)
		for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
		}
		time.Sleep(200 * time.Millisecond)
		atWork.Add(-1)
		return success()
	}
	simulate(t, Config{MaxRuns: 5}, run, func(t *testing.T, e *Engine) {
		e.Set(fakeSpecs(100, second)) // 100 a second need 20 at a time
		seen := make(map[Key]int)
		for _, event := range collect(e, 20*time.Second) {
			seen[event.Key]++
		}
		if most.Load() != 5 {
			t.Errorf("%d runs at a time, want 5", most.Load())
		}
		for i, s := range fakeSpecs(100, second) {
			if n := seen[s.Key()]; n < 4 || n > 6 { // 25 a second, fairly
				t.Errorf("check %d ran %d times in 20 s, want 5", i, n)
			}
		}
		if s := e.Stats(); s.LateStarts == 0 || s.WorstLateness < time.Second || s.Behind == 0 {
			t.Errorf("nothing tells that checks are late: %+v", s)
		}
	})
}

// Commands have a bound of their own: they do not hold up the other kinds.
func TestCommandsAreBoundedApart(t *testing.T) {
	var commands, most atomic.Int32
	run := func(_ context.Context, s Spec) Result {
		if _, is := s.Options.(Command); !is {
			return success()
		}
		if n := commands.Add(1); n > most.Load() {
			most.Store(n)
		}
		time.Sleep(400 * time.Millisecond)
		commands.Add(-1)
		return success()
	}
	simulate(t, Config{MaxCommands: 2}, run, func(t *testing.T, e *Engine) {
		specs := fakeSpecs(10, second)
		for i := range 10 {
			specs = append(specs, Spec{Target: specs[0].Target, Options: Command{Argv: []string{fmt.Sprint(i)}}, Timing: second})
		}
		e.Set(specs)
		seen := make(map[Key]int)
		for _, event := range collect(e, 10*time.Second) {
			seen[event.Key]++
		}
		if most.Load() != 2 {
			t.Errorf("%d commands at a time, want 2", most.Load())
		}
		for i, s := range specs[:10] {
			if n := seen[s.Key()]; n < 9 {
				t.Errorf("check %d ran %d times in 10 s", i, n)
			}
		}
	})
}

// A consumer that is slow loses nothing, and bounds what waits for it.
func TestASlowConsumerLosesNothing(t *testing.T) {
	const bound = 50
	var mu sync.Mutex
	ran := make(map[string]int)
	run := func(_ context.Context, s Spec) Result {
		mu.Lock()
		defer mu.Unlock()
		ran[name(s)]++
		return success()
	}
	simulate(t, Config{MaxPending: bound}, run, func(t *testing.T, e *Engine) {
		specs := fakeSpecs(20, second)
		e.Set(specs)
		time.Sleep(30 * time.Second)
		s := e.Stats()
		if s.Pending != bound || s.Runs != bound || s.Behind != 20 {
			t.Errorf("the consumer takes nothing: %+v", s)
		}
		streaks := make(map[Key]int)
		for _, event := range collect(e, 10*time.Second+time.Millisecond) { // to between two ticks
			if streaks[event.Key]++; event.Streak != streaks[event.Key] {
				t.Errorf("streak %d, want %d", event.Streak, streaks[event.Key])
			}
		}
		mu.Lock()
		defer mu.Unlock()
		for _, s := range specs {
			if streaks[s.Key()] != ran[name(s)] || ran[name(s)] < 12 {
				t.Errorf("check %s: %d events of %d runs", name(s), streaks[s.Key()], ran[name(s)])
			}
		}
	})
}

// A run that does not come back fails each interval, takes nobody's place, and is
// followed by another when it is back at last.
func TestARunThatDoesNotComeBack(t *testing.T) {
	back := make(chan struct{})
	runs := 0
	run := func(_ context.Context, s Spec) Result {
		if name(s) == "0" {
			if runs++; runs == 1 {
				time.Sleep(10 * time.Second)
				close(back)
			}
		}
		return success()
	}
	simulate(t, Config{MaxRuns: 1}, run, func(t *testing.T, e *Engine) {
		timing := second
		timing.Fall = 2
		specs := fakeSpecs(2, timing)
		e.Set(specs)
		var verdicts string
		others := 0
		for range 100 {
			event := <-e.Events()
			if event.Key != specs[0].Key() {
				others++
				continue
			}
			verdicts += string("?UD"[event.Verdict])
			if event.Result.Answer == Failure {
				expect(t, event.Result, Failure, "the check did not end within 500ms")
			}
			if event.Verdict == Up {
				break
			}
			if s := e.Stats(); event.Result.Answer == Failure && s.Lost != 1 {
				t.Errorf("%+v", s)
			}
		}
		select {
		case <-back:
		default:
			t.Errorf("verdicts %s while the run was away", verdicts)
		}
		if len(verdicts) < 9 || verdicts[:3] != "?DD" || verdicts[len(verdicts)-2:] != "DU" {
			t.Errorf("verdicts %s", verdicts)
		}
		if others < 8 {
			t.Errorf("the other check ran only %d times meanwhile", others)
		}
		if s := e.Stats(); s.Lost != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestTheEndLeavesBehindWhatDoesNotComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		e := newEngine(Config{}.withDefaults(), runFunc(func(context.Context, Spec) Result { <-release; return success() }).of)
		e.Set(fakeSpecs(2, second))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(2*time.Second, cancel)
		err := e.Run(ctx)
		if want := "stop checks: 2 runs were left behind: they did not come back within 1s"; err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
		e.Set(nil) // after the end it still returns
		close(release)
		if err := e.Run(t.Context()); err == nil || err.Error() != "run checks: the engine was run before" {
			t.Errorf("a second Run: %v", err)
		}
	})
}

func TestTheWorstLatenessIsForgotten(t *testing.T) {
	const s = time.Second
	var tl tally
	tl.start(10*s, 2*s, s)
	tl.start(35*s, s, s)
	for at, want := range map[moment]time.Duration{35 * s: 2 * s, 59 * s: 2 * s} {
		if got := tl.worst(at); got != want {
			t.Errorf("at %s: %s, want %s", at, got, want)
		}
	}
	if got := tl.worst(61 * s); got != s {
		t.Errorf("after a minute: %s, want 1s", got)
	}
	if got := tl.worst(200 * s); got != 0 || tl.lateStarts != 2 {
		t.Errorf("at last: %s, %d late starts", got, tl.lateStarts)
	}
}
