package checker

import (
	"context"
	"testing"
	"time"
)

func TestStallMeterMeasuresGaps(t *testing.T) {
	const ms = time.Millisecond
	var m stallMeter
	if got := m.stalled(0, time.Hour); got != 0 {
		t.Errorf("a meter that does not run tells of a stall of %s", got)
	}
	m.start(0)
	for _, at := range []moment{20, 40, 65, 85, 205, 225} { // late by 5, then by 100
		m.tick(at * ms)
	}
	for _, c := range []struct {
		name           string
		from, to, want moment
	}{
		{"the whole stall", 0, 225, 100},
		{"its beginning", 0, 150, 45},
		{"its end", 150, 225, 55},
		{"its middle", 120, 140, 20},
		{"before it", 0, 100, 0},
		{"after it", 210, 230, 0},
		{"a stall not over yet", 210, 325, 80},
		{"lateness that does no harm", 210, 250, 0},
	} {
		if got := m.stalled(c.from*ms, c.to*ms); got != c.want*ms {
			t.Errorf("%s: %s, want %s", c.name, got, c.want*ms)
		}
	}
	if n, worst := m.total(); n != 1 || worst != 100*ms {
		t.Errorf("%d stalls, the worst %s", n, worst)
	}
	m.stop()
	if got := m.stalled(210*ms, time.Hour); got != 0 {
		t.Errorf("a meter that was stopped tells of a stall of %s", got)
	}
}

// The director's own lateness never marks a server down.
func TestATimeoutDuringAStallIsInconclusive(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name     string
		from, to moment        // of a stall, from the beginning of the run
		late     time.Duration // that the run comes back after its deadline
		silence  time.Duration // that the connection has certainly seen
		answer   Answer
		reason   string
	}{
		{name: "no stall", answer: Failure, reason: "no answer"},
		{name: "a short one in the middle", from: 100 * ms, to: 190 * ms, answer: Failure, reason: "no answer"},
		{name: "a long one in the middle", from: 100 * ms, to: 250 * ms, answer: Inconclusive, reason: "this director was late by 150ms itself"},
		{name: "before the run", from: -400 * ms, to: 0, answer: Failure, reason: "no answer"},
		{name: "a deadline noticed late", late: 60 * ms, answer: Inconclusive, reason: "this director was late by 60ms itself"},
		{name: "late, and the server was silent all the same", from: 100 * ms, to: 250 * ms, late: 90 * ms, silence: 500 * ms, answer: Failure, reason: "no answer"},
		{name: "late, and the server had too little time", from: 100 * ms, to: 250 * ms, silence: 300 * ms, answer: Inconclusive, reason: "this director was late by 150ms itself"},
		{name: "a long pause over the deadline held up packets too", from: 350 * ms, to: 510 * ms, late: 10 * ms, silence: 500 * ms, answer: Inconclusive, reason: "this director was late by 160ms itself"},
		{name: "a deadline noticed a little late", late: 40 * ms, answer: Failure, reason: "no answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var e *Engine
			run := func(ctx context.Context, _ Spec) Result {
				begun := e.now()
				<-ctx.Done()
				time.Sleep(c.late)
				if c.to != c.from {
					e.meter.mu.Lock()
					e.meter.stalls[0] = span{begun + c.from, begun + c.to}
					e.meter.mu.Unlock()
				}
				r := failed("no answer")
				r.Silence = c.silence
				return r
			}
			simulate(t, Config{}, run, func(t *testing.T, engine *Engine) {
				e = engine
				e.Set(fakeSpecs(1, second))
				event := <-e.Events()
				expect(t, event.Result, c.answer, c.reason)
				if got, want := e.Stats().Inconclusive, map[bool]uint64{true: 1}[c.answer == Inconclusive]; got != want {
					t.Errorf("%d inconclusive runs are counted, want %d", got, want)
				}
			})
		})
	}
}

// A failure before the deadline is the server's, stalled or not; so is a refusal.
func TestOnlyTimeoutsAreExcusedByAStall(t *testing.T) {
	for _, r := range []Result{failed("connection refused"), refused("monitor says down"), success()} {
		var e *Engine
		run := func(context.Context, Spec) Result {
			e.meter.mu.Lock()
			e.meter.stalls[0] = span{0, time.Hour}
			e.meter.mu.Unlock()
			if r.Answer == Failure {
				time.Sleep(400 * time.Millisecond)
			} else {
				time.Sleep(600 * time.Millisecond)
			}
			return r
		}
		simulate(t, Config{}, run, func(t *testing.T, engine *Engine) {
			e = engine
			e.Set(fakeSpecs(1, second))
			expect(t, (<-e.Events()).Result, r.Answer, r.Reason)
		})
	}
}
