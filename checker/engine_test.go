package checker

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fake is a kind of check for tests of the engine alone: it runs in virtual time.
type fake struct{ Name string }

func (fake) Kind() string { return "fake" }

type runFunc func(ctx context.Context, s Spec) Result

func (f runFunc) of(s Spec) (probe, error) { return fakeProbe{s, f}, nil }

type fakeProbe struct {
	spec Spec
	f    runFunc
}

func (p fakeProbe) run(ctx context.Context, _ *transcript) Result { return p.f(ctx, p.spec) }

func name(s Spec) string { return s.Options.(fake).Name }

func fakeSpec(name string, timing Timing) Spec {
	return Spec{Target: netip.MustParseAddrPort("192.0.2.1:80"), Options: fake{name}, Timing: timing}
}

func fakeSpecs(n int, timing Timing) []Spec {
	var specs []Spec
	for i := range n {
		specs = append(specs, fakeSpec(fmt.Sprint(i), timing))
	}
	return specs
}

// second is a timing whose runs are a second apart, or 200 ms while a verdict is
// being reached.
var second = Timing{Interval: time.Second, Timeout: 500 * time.Millisecond, FastInterval: 200 * time.Millisecond, Fall: 3, Rise: 2}

// simulate runs an engine in virtual time, and test beside it; it hands over an
// engine that is running. The events that test does not take are drained.
func simulate(t *testing.T, c Config, run runFunc, test func(t *testing.T, e *Engine)) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(c.withDefaults(), run.of)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- e.Run(ctx) }()
		test(t, e)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if _, more := <-e.Events(); more {
			t.Error("an event after the end of Run")
		}
	})
}

// collect takes the engine's events for so long.
func collect(e *Engine, d time.Duration) (events []Event) {
	for timer := time.After(d); ; {
		select {
		case event := <-e.Events():
			events = append(events, event)
		case <-timer:
			return events
		}
	}
}

// logbook keeps when which check began a run.
type logbook struct {
	mu     sync.Mutex
	starts map[string][]time.Time
}

func (l *logbook) note(s Spec) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.starts == nil {
		l.starts = make(map[string][]time.Time)
	}
	l.starts[name(s)] = append(l.starts[name(s)], time.Now())
}

// of returns the starts of a check.
func (l *logbook) of(name string) []time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.starts[name])
}

// gaps are the times from each start of a check to its next.
func (l *logbook) gaps(name string) (gaps []time.Duration) {
	starts := l.of(name)
	for i := 1; i < len(starts); i++ {
		gaps = append(gaps, starts[i].Sub(starts[i-1]))
	}
	return gaps
}

func TestRunsAreAnIntervalApart(t *testing.T) {
	var log logbook
	run := func(_ context.Context, s Spec) Result {
		log.note(s)
		time.Sleep(300 * time.Millisecond)
		return success()
	}
	simulate(t, Config{}, run, func(t *testing.T, e *Engine) {
		begun := time.Now()
		e.Set(fakeSpecs(100, second))
		collect(e, 10*time.Second)
		for i := range 100 {
			name := fmt.Sprint(i)
			if first := log.of(name)[0].Sub(begun); first > second.Interval+tick(second.Interval) {
				t.Errorf("check %d ran first after %s", i, first)
			}
			for _, gap := range log.gaps(name) {
				if gap != second.Interval {
					t.Errorf("check %d: two runs are %s apart", i, gap)
				}
			}
		}
		s := e.Stats()
		if s.Checks != 100 || s.Runs < 900 || s.LateStarts != 0 || s.WorstLateness != 0 || s.Lost != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestRunsAreFasterWhileAVerdictIsBeingReached(t *testing.T) {
	var log logbook
	const results = "ssfffffsss"
	run := func(_ context.Context, s Spec) Result {
		log.note(s)
		return Result{Answer: answerOf(rune(results[(len(log.of("0"))-1)%len(results)])), Percent: 100}
	}
	simulate(t, Config{}, run, func(t *testing.T, e *Engine) {
		e.Set(fakeSpecs(1, second))
		for range len(results) {
			<-e.Events()
		}
		const fast, slow = 200 * time.Millisecond, time.Second
		want := []time.Duration{slow, slow, fast, fast, slow, slow, slow, fast, slow}
		for i, gap := range log.gaps("0") { // each start is on the tick of its own pace
			if d := gap - want[i]; d < -tick(slow) || d > tick(slow) {
				t.Errorf("after results %s: %s, want %s", results[:i+1], gap, want[i])
			}
		}
	})
}

// Timeouts longer than the fast interval delay the next run: a check never overlaps
// itself.
func TestACheckNeverOverlapsItself(t *testing.T) {
	var atWork atomic.Int32
	run := func(ctx context.Context, _ Spec) Result {
		if atWork.Add(1) > 1 {
			t.Error("two runs of one check at a time")
		}
		<-ctx.Done()
		atWork.Add(-1)
		return failed("no answer")
	}
	simulate(t, Config{}, run, func(t *testing.T, e *Engine) {
		e.Set(fakeSpecs(1, second))
		events := collect(e, 10*time.Second)
		if len(events) < 9 {
			t.Errorf("only %d events in 10 s", len(events))
		}
		if s := e.Stats(); s.LateStarts != 0 {
			t.Errorf("a run that had to wait for the one before counts as late: %+v", s)
		}
		for _, event := range events {
			if event.Result.Latency != second.Timeout {
				t.Errorf("a run of %s, want the timeout", event.Result.Latency)
			}
		}
	})
}

func TestEachResultIsOneEvent(t *testing.T) {
	results := []Result{
		success(), failed("a"), failed("b"), inconclusive("no port"), failed("c"),
		{Answer: Success, Mode: Draining, Percent: 50, Reason: "drain"},
		success(),
	}
	next := 0
	run := func(context.Context, Spec) Result { next++; return results[next-1] }
	simulate(t, Config{}, run, func(t *testing.T, e *Engine) {
		spec := fakeSpec("a", second)
		e.Set([]Spec{spec})
		want := []Event{
			{Result: results[0], Verdict: Up, Percent: 100, Streak: 1, Changed: true},
			{Result: results[1], Verdict: Up, Percent: 100, Streak: 1},
			{Result: results[2], Verdict: Up, Percent: 100, Streak: 2},
			{Result: results[3], Verdict: Up, Percent: 100, Streak: 2},
			{Result: results[4], Verdict: Down, Percent: 100, Reason: "c", Streak: 3, Changed: true},
			{Result: results[5], Verdict: Down, Percent: 100, Reason: "c", Streak: 1},
			{Result: results[6], Verdict: Up, Percent: 100, Streak: 2, Changed: true},
		}
		for i := range want {
			want[i].Key = spec.Key()
			got := <-e.Events()
			if !got.At.Equal(time.Now()) {
				t.Errorf("event %d is of %s ago", i, time.Since(got.At))
			}
			got.At = time.Time{}
			if diff := cmp.Diff(want[i], got); diff != "" {
				t.Errorf("event %d (-want +got):\n%s", i, diff)
			}
		}
	})
}

func TestAPanicIsAFailure(t *testing.T) {
	run := func(context.Context, Spec) Result { panic("poison") }
	simulate(t, Config{}, run, func(t *testing.T, e *Engine) {
		e.Set(fakeSpecs(1, second))
		expect(t, (<-e.Events()).Result, Failure, "the check broke down over the answer, which is a mistake of mainstay: poison")
	})
}

// One engine, real servers: those that hang cost their own check only.
func TestEngineWithRealServers(t *testing.T) {
	timing := Timing{Interval: time.Second, Timeout: time.Second, FastInterval: 50 * time.Millisecond, Fall: 2, Rise: 2}
	impatient := timing
	impatient.Timeout = 300 * time.Millisecond
	up, refusing, hanging := serve(t, silent), nobodyThere(t), serve(t, silent)
	specs := []Spec{
		{Target: up, Options: TCP{}, Timing: timing},
		{Target: refusing, Options: TCP{}, Timing: timing},
		{Target: hanging, Options: HTTP{Method: "GET", Path: "/", Status: []StatusRange{{200, 299}}}, Timing: impatient},
		{Target: up, Options: Command{Argv: []string{"/bin/false"}}, Timing: timing},
	}
	want := map[Key]string{
		specs[0].Key(): "", specs[1].Key(): "connection refused", specs[2].Key(): "no answer within 300ms", specs[3].Key(): "exit status 1",
	}
	e := New(Config{CommandUser: nobody})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	e.Set(specs)
	for event := range e.Events() { // until each has its verdict
		reason, waiting := want[event.Key]
		if !waiting || event.Verdict == Unknown {
			continue
		}
		if (event.Verdict == Up) != (reason == "") || event.Reason != reason {
			t.Errorf("verdict %d: %q, want %q", event.Verdict, event.Reason, reason)
		}
		if delete(want, event.Key); len(want) == 0 {
			cancel()
		}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
