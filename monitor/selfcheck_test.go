package monitor

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestASelfCheckFailsAndRecovers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMonitor(t, Options{})
		var broken atomic.Bool
		m.Check("db", func(context.Context) error {
			if broken.Load() {
				return errors.New("connection refused")
			}
			return nil
		})
		wantAnswer(t, m, Starting, "no result yet of self-check db") // Serve does not run yet
		serve(t, m)
		synctest.Wait()
		wantAnswer(t, m, Up, "")
		broken.Store(true)
		wantAnswer(t, m, Up, "") // answers come from the last result
		time.Sleep(time.Second)
		synctest.Wait()
		wantAnswer(t, m, Down, "self-check db: connection refused")
		broken.Store(false)
		time.Sleep(time.Second)
		synctest.Wait()
		wantAnswer(t, m, Up, "")
	})
}

func TestASelfCheckThatHangsTurnsTheAnswerAndNeverHoldsIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMonitor(t, Options{})
		release := make(chan struct{})
		var calls atomic.Int32
		m.Check("db", func(context.Context) error { // ignores its context
			calls.Add(1)
			<-release
			return nil
		}, Every(10*time.Second), Timeout(2*time.Second))
		serve(t, m)

		time.Sleep(2*time.Second - time.Millisecond)
		wantAnswer(t, m, Starting, "no result yet of self-check db")
		time.Sleep(time.Millisecond)
		asked := time.Now()
		wantAnswer(t, m, Down, "self-check db: no answer for 2.0 s")
		if took := time.Since(asked); took != 0 {
			t.Errorf("the answer took %s", took)
		}
		time.Sleep(time.Minute)
		wantAnswer(t, m, Down, "self-check db: no answer for 62.0 s")
		if n := calls.Load(); n != 1 {
			t.Errorf("called %d times at once", n)
		}
		// A good result that comes too late is none; the next one, which is due at once, counts.
		close(release)
		synctest.Wait()
		wantAnswer(t, m, Up, "")
		if n := calls.Load(); n != 2 {
			t.Errorf("called %d times, wanted 2", n)
		}
	})
}

func TestASelfCheckThatMindsItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMonitor(t, Options{})
		m.Check("db", func(ctx context.Context) error {
			<-ctx.Done()
			return nil // which is too late to be true
		}, Every(-1), Timeout(-1))
		serve(t, m)
		time.Sleep(defaultCheckTimeout)
		synctest.Wait()
		a := m.Answer("app")
		if a.State != Down || a.Reason != "self-check db: no answer within 1.0 s" {
			t.Errorf("%s %q", a.State, a.Reason)
		}
	})
}

func TestAPanicIsTheSelfChecksFailure(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log bytes.Buffer
		m := newMonitor(t, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		var calls atomic.Int32
		m.Check("db", func(context.Context) error {
			if calls.Add(1) < 4 {
				panic("nil map")
			}
			return nil
		})
		served := make(chan error)
		go func() { served <- m.Serve(t.Context()) }()
		for range 3 {
			synctest.Wait()
			wantAnswer(t, m, Down, "self-check db: it panicked: nil map")
			time.Sleep(time.Second)
		}
		synctest.Wait()
		wantAnswer(t, m, Up, "")
		if err := errors.Join(m.Close(), <-served); err != nil {
			t.Error(err)
		}
		for what, times := range map[string]int{
			"self-check panicked": 1, "selfcheck_test.go": 1, "service changed": 2,
			`from=up to=down reason="self-check db: it panicked: nil map"`: 1,
		} {
			if n := strings.Count(log.String(), what); n != times {
				t.Errorf("%q is in the log %d times, wanted %d:\n%s", what, n, times, &log)
			}
		}
	})
}

func TestOtherWaysOutOfASelfCheck(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMonitor(t, Options{})
		m.Check("exit", func(context.Context) error { runtime.Goexit(); return nil })
		m.Check("nil", nil)
		serve(t, m)
		time.Sleep(time.Minute)
		synctest.Wait()
		wantAnswer(t, m, Down, "self-check exit: it ended its own goroutine and can't be called any more; "+
			"self-check nil: it panicked: runtime error: invalid memory address or nil pointer dereference")
	})
}

func TestASelfCheckOfAService(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMonitor(t, Options{Services: []string{"app", "mail"}})
		serve(t, m)
		synctest.Wait()
		m.Service("mail").Check("queue", func(context.Context) error { return errors.New("full") }) // added while serving
		synctest.Wait()
		wantAnswer(t, m, Up, "")
		if a := m.Answer("mail"); a.State != Down || a.Reason != "self-check queue: full" {
			t.Errorf("mail is %s %q", a.State, a.Reason)
		}
	})
}
