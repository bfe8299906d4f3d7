package monitor

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// The machine alone, step by step.
func TestWatchMachine(t *testing.T) {
	zero := time.Now()
	at := func(ms int) time.Time { return zero.Add(time.Duration(ms) * time.Millisecond) }
	up, down := standing{state: wire.Up, percent: 100}, standing{state: wire.Down, percent: 100}
	w := newWatch([]byte("line"), wire.Request{Service: "app", Interval: 100 * time.Millisecond}, at(0))
	want := func(step string, next int) {
		t.Helper()
		if got := w.next().Sub(zero); got != time.Duration(next)*time.Millisecond {
			t.Errorf("%s: looks next at %s, wanted %d ms", step, got, next)
		}
	}
	if w.rests(at(0)) || !w.wants(at(0), up) {
		t.Error("the first answer is not due at once")
	}
	w.looked(at(0), time.Time{})
	w.answered(at(0), up)
	want("after the first answer", 90)
	if w.rests(at(49)) || w.wants(at(49), up) {
		t.Error("an answer that nothing calls for")
	}
	if !w.rests(at(49)) || w.rests(at(50)) {
		t.Error("the time between two looks is not 1 ms")
	}
	if !w.wants(at(50), down) {
		t.Error("a change is not told")
	}
	w.answered(at(50), down)
	want("after a change", 140)
	if !w.rests(at(59)) || w.rests(at(60)) {
		t.Error("the time between two changes is not 10 ms")
	}
	w.looked(at(52), at(53))
	want("time will change something at 53 ms, too soon after this look", 62)
	w.looked(at(40), at(55))
	want("time will change something at 55 ms, too soon after the last change", 60)
	w.looked(at(52), at(80))
	want("time will change something at 80 ms", 80)
	w.looked(at(52), at(400))
	want("time will change something at 400 ms", 140)
	w.looked(at(52), time.Time{})
	w.answered(at(145), down)
	want("a late answer makes the next one no later", 230)
	w.answered(at(1000), down)
	want("one that is late by more than an interval begins anew", 1090)

	for interval, period := range map[time.Duration]time.Duration{
		10 * time.Millisecond: 9 * time.Millisecond, time.Second: 980 * time.Millisecond, time.Hour: time.Hour - 20*time.Millisecond,
	} {
		if w := newWatch(nil, wire.Request{Interval: interval}, zero); w.period != period {
			t.Errorf("an interval of %s: an answer each %s, wanted %s", interval, w.period, period)
		}
	}
}

// Whatever happens when: there is an answer in each interval, changes are told within 10 ms, seq grows, and the last
// answer is the truth.
func TestWatchProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		interval := time.Duration(rapid.IntRange(10, 300).Draw(rt, "interval")) * time.Millisecond
		steps := rapid.SliceOfN(rapid.SampledFrom([]string{"weight", "state", "beat", "idle", "check", "wait", "renew", "worker"}), 1, 40).Draw(rt, "steps")
		waits := rapid.SliceOfN(rapid.IntRange(0, 40_000), len(steps), len(steps)).Draw(rt, "µs")
		synctest.Test(t, func(t *testing.T) {
			m, l := newMonitor(t, Options{}), newPipes()
			serve(t, m, l)
			beat := m.Beat("worker", 15*time.Millisecond)
			var fails atomic.Bool
			m.Check("db", func(context.Context) error {
				if fails.Load() {
					return errors.New("refused")
				}
				return nil
			}, Every(7*time.Millisecond))
			synctest.Wait()
			line := fmt.Sprintf("MONITOR/1 watch interval=%s service=app", wire.FormatInterval(interval))
			w := startWatch(t, l.dial(t), line)
			for i, step := range steps {
				switch step {
				case "weight":
					m.SetWeight(i)
				case "state":
					m.SetState(State(1+i%5), "")
				case "beat":
					beat.Beat()
				case "idle":
					beat.Idle()
				case "check":
					fails.Store(!fails.Load())
				case "worker": // a new one
					beat.Remove()
					beat = m.Beat("worker", 15*time.Millisecond)
				case "renew":
					w.write(line + "\n")
				}
				time.Sleep(time.Duration(waits[i]) * time.Microsecond)
				synctest.Wait()
			}
			time.Sleep(15*time.Millisecond + 2*changeTime) // the worker may yet be found stuck
			synctest.Wait()
			truth := m.Answer("app")
			var last wire.Answer
			var lastAt time.Duration
			for len(w.answers) > 0 {
				h := <-w.answers
				a, err := wire.ParseAnswer([]byte(h.line))
				if err != nil || a.Seq <= last.Seq || h.after-lastAt > interval {
					t.Fatalf("after %s at %s: %s, error %v", last, lastAt, h.line, err)
				}
				last, lastAt = a, h.after
			}
			if time.Since(w.began)-lastAt > interval {
				t.Fatalf("no answer since %s", lastAt)
			}
			if string(last.State) != truth.State.String() || last.Percent() != truth.Weight {
				t.Fatalf("the last answer is %s, and the truth %+v", last, truth)
			}
		})
	})
}
