package main

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mainstay-lvs/mainstay/monitor"
)

// pooled runs a pool on virtual time, with a limit of one second on its workers' progress.
func pooled(t *testing.T, workers int, test func(ctx context.Context, p *pool, m *monitor.Monitor)) {
	synctest.Test(t, func(t *testing.T) {
		m, err := monitor.New(monitor.Options{Services: []string{"demo"}})
		if err != nil {
			t.Fatal(err)
		}
		p := newPool("rs-1", workers)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { p.run(ctx, m.Service("demo"), time.Second); close(ended) }()
		test(ctx, p, m)
		cancel()
		<-ended
	})
}

// Work that takes longer than a worker's limit is no stuck worker while it shows progress.
func TestLongWorkIsNotStuck(t *testing.T) {
	pooled(t, 1, func(ctx context.Context, p *pool, m *monitor.Monitor) {
		r, err := parseWords([]string{"work", "10s"})
		if err != nil {
			t.Fatal(err)
		}
		began, answers := time.Now(), make(chan answer)
		go func() { answers <- p.submit(ctx, r) }()
		for range 9 {
			time.Sleep(time.Second)
			if a := m.Answer("demo"); a.State != monitor.Up {
				t.Errorf("after %s: %s %q", time.Since(began), a.State, a.Reason)
			}
		}
		if a := <-answers; a.status != done || time.Since(began) != 10*time.Second {
			t.Errorf("%d %s after %s", a.status, a.text, time.Since(began))
		}
	})
}

func TestStickAndUnstick(t *testing.T) {
	pooled(t, 3, func(_ context.Context, p *pool, m *monitor.Monitor) {
		stuck := func(want int) {
			t.Helper()
			time.Sleep(time.Second + time.Millisecond)
			synctest.Wait()
			if got := int(p.stuck.Load()); got != want {
				t.Errorf("%d workers are stuck, wanted %d", got, want)
			}
			if a := m.Answer("demo"); strings.Count(a.Reason, "stuck: worker-") != want {
				t.Errorf("%d workers are stuck, and the monitor says %q", want, a.Reason)
			}
		}
		stuck(0)
		if n := p.stick(2); n != 2 {
			t.Errorf("%d asked", n)
		}
		stuck(2)
		p.stick(0) // the two that are stuck get there later, if ever
		stuck(3)
		p.unstick()
		stuck(0)
		p.stick(9)
		stuck(3)
		p.unstick()
		stuck(0)
	})
}

// The end of the pool is the end of a worker's work, stuck or not.
func TestWorkEndsWithThePool(t *testing.T) {
	pooled(t, 2, func(_ context.Context, p *pool, _ *monitor.Monitor) { p.stick(1) })
	pooled(t, 1, func(ctx context.Context, p *pool, _ *monitor.Monitor) {
		ended, cancel := context.WithCancel(ctx)
		p.stick(1)
		synctest.Wait()
		cancel()
		if a := p.submit(ended, request{kind: whoami}); a.status != failed || string(a.text) != "the server stopped" {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
}
