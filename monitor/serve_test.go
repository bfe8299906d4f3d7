package monitor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// run runs Serve beside the test and returns where its error will come.
func run(ctx context.Context, m *Monitor, listeners ...net.Listener) <-chan error {
	served := make(chan error, 1)
	go func() { served <- m.Serve(ctx, listeners...) }()
	synctest.Wait()
	return served
}

// closing runs Close beside the test and returns how long it took.
func closing(t *testing.T, m *Monitor) <-chan time.Duration {
	took := make(chan time.Duration, 1)
	began := time.Now()
	go func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		took <- time.Since(began)
	}()
	synctest.Wait()
	return took
}

const stopping = `reason="the program is stopping"`

func TestCloseSaysMaintFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, l := newMonitor(t, Options{}), newPipes()
		served := run(t.Context(), m, l)
		one, two, silent, gone := l.dial(t), l.dial(t), l.dial(t), l.dial(t)
		one.poll()
		two.poll()
		gone.poll()
		silent.write("M")
		took := closing(t, m)
		gone.Close() // will not hear it, and is not waited for, though it may come again: see below
		if got := one.poll(); !strings.HasPrefix(got, "MONITOR/1 maint ") || !strings.HasSuffix(got, stopping) {
			t.Errorf("answer %s", got)
		}
		late := l.dial(t) // who comes now is still answered
		wantPrefix(t, late.poll(), "MONITOR/1 maint ")
		time.Sleep(time.Second)
		wantPrefix(t, two.poll(), "MONITOR/1 maint ")
		for _, p := range []*peer{one, two, silent, late} {
			p.wantEnd()
		}
		if took := <-took; took != defaultLeave {
			t.Errorf("Close took %s", took)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		m.room.mu.Lock() // every conversation has ended, and not only its connection
		if n := len(m.room.conns); n != 0 {
			t.Errorf("Serve returned before %d conversations had ended", n)
		}
		m.room.mu.Unlock()
		if err := m.Close(); err != nil { // once more
			t.Error(err)
		}
	})
}

func TestHowLongCloseTakes(t *testing.T) {
	for _, c := range []struct {
		name  string
		leave time.Duration
		peers func(t *testing.T, l *pipes) (later func())
		want  time.Duration
	}{
		{"nobody is there", 0, func(*testing.T, *pipes) func() { return func() {} }, 0},
		{"one that never asked", 0, func(t *testing.T, l *pipes) func() {
			l.dial(t).write("M")
			return func() {}
		}, 0},
		{"one that is told after a second", 0, func(t *testing.T, l *pipes) func() {
			p := l.dial(t)
			p.poll()
			return func() { time.Sleep(time.Second); p.poll() }
		}, time.Second},
		{"one that never asks again", 0, func(t *testing.T, l *pipes) func() {
			l.dial(t).poll()
			return func() {}
		}, defaultLeave},
		{"one that never asks again, no time to leave", -1, func(t *testing.T, l *pipes) func() {
			l.dial(t).poll()
			return func() {}
		}, 0},
		{"one that connects for each request", 10 * time.Second, func(t *testing.T, l *pipes) func() {
			p := l.dial(t)
			p.poll()
			p.Close()
			synctest.Wait()
			return func() {
				for range 2 {
					time.Sleep(time.Second)
					p := l.dial(t)
					wantPrefix(t, p.poll(), "MONITOR/1 maint ")
					p.Close()
				}
			}
		}, 10 * time.Second},
		{"an agent check", 10 * time.Second, func(t *testing.T, l *pipes) func() {
			p := l.dial(t)
			p.line()
			p.wantEnd()
			synctest.Wait()
			return func() {
				p := l.dial(t)
				p.write("\n")
				wantPrefix(t, p.line(), "maint")
			}
		}, 10 * time.Second},
		{"one that asked long ago", 0, func(t *testing.T, l *pipes) func() {
			p := l.dial(t)
			p.poll()
			p.Close()
			time.Sleep(defaultLeave)
			return func() {}
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m, l := newMonitor(t, Options{Leave: c.leave}), newPipes()
				served := run(t.Context(), m, l)
				later := c.peers(t, l)
				took := closing(t, m)
				later()
				if got := <-took; got != c.want {
					t.Errorf("Close took %s, wanted %s", got, c.want)
				}
				if err := <-served; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestServeLeavesWhenItsContextEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, l := newMonitor(t, Options{}), newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		served := run(ctx, m, l)
		p := l.dial(t)
		p.poll()
		cancel()
		synctest.Wait()
		wantPrefix(t, p.poll(), "MONITOR/1 maint ")
		p.wantEnd()
		if err := errors.Join(<-served, m.Close()); err != nil {
			t.Error(err)
		}
	})
}

func TestServeBeginsOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, first, second := newMonitor(t, Options{}), newPipes(), newPipes()
		serve(t, m, first)
		synctest.Wait()
		err := m.Serve(t.Context(), second)
		if err == nil || err.Error() != "monitor: Serve was called before: a Monitor serves once, for all of its listeners" {
			t.Errorf("error %v", err)
		}
		if _, err := second.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the listener is left open: %v", err)
		}
		wantPrefix(t, first.dial(t).poll(), "MONITOR/1 up ")
	})
}

func TestCloseBeforeServe(t *testing.T) {
	m, l := newMonitor(t, Options{}), newPipes()
	m.Check("db", func(context.Context) error { t.Error("called"); return nil })
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if err := m.Serve(t.Context(), l); !errors.Is(err, ErrClosed) {
		t.Errorf("error %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is left open: %v", err)
	}
	m.Check("late", func(context.Context) error { t.Error("called"); return nil })
	wantAnswer(t, m, Maint, "the program is stopping")
}

func TestAListenerThatSomebodyElseCloses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, l, other := newMonitor(t, Options{}), newPipes(), newPipes()
		served := run(t.Context(), m, l, other)
		l.Close()
		want := "monitor: the listener on pipes was closed by somebody else: use of closed network connection"
		if err := <-served; err == nil || err.Error() != want {
			t.Errorf("error %v", err)
		}
		if err := m.Close(); err == nil || err.Error() != want {
			t.Errorf("Close: error %v", err)
		}
	})
}

// flaky fails to accept for a while, as a process out of file descriptors does.
type flaky struct {
	*pipes
	failures int
}

func (f *flaky) Accept() (net.Conn, error) {
	if f.failures--; f.failures >= 0 {
		return nil, errors.New("accept: too many open files")
	}
	return f.pipes.Accept()
}

func TestAcceptIsTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := &flaky{newPipes(), 20}
		serve(t, newMonitor(t, Options{}), l)
		began := time.Now()
		wantPrefix(t, l.dial(t).poll(), "MONITOR/1 up ")
		// 5 ms, doubled up to 1 s: neither a busy loop nor a long silence.
		if took := time.Since(began); took < 10*time.Second || took > 15*time.Second {
			t.Errorf("20 failures took %s", took)
		}
	})
	bubble(t, func(t *testing.T) { // and the end doesn't wait for it
		m := newMonitor(t, Options{})
		served := run(t.Context(), m, &flaky{newPipes(), 1 << 30})
		time.Sleep(time.Minute)
		began := time.Now()
		if err := errors.Join(m.Close(), <-served); err != nil || time.Since(began) != 0 {
			t.Errorf("error %v after %s", err, time.Since(began))
		}
	})
}

func TestASelfCheckThatNeverReturnsIsNamed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMonitor(t, Options{})
		release := make(chan struct{})
		defer close(release)
		for i := range 2 {
			m.Check(fmt.Sprint("deaf-", i), func(context.Context) error { <-release; return nil })
		}
		m.Check("good", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, Timeout(time.Hour))
		served := run(t.Context(), m)
		want := "monitor: self-check deaf-0, deaf-1 did not return within 2.0 s of its context's end and is left behind"
		if err := m.Close(); err == nil || err.Error() != want {
			t.Errorf("error %v", err)
		}
		if err := <-served; err == nil || err.Error() != want {
			t.Errorf("error %v", err)
		}
	})
}
