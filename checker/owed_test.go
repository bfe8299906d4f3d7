package checker

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// talker is a standing check that reports whatever a test has it report.
type talker struct{ posts chan post }

func (talker) run(context.Context, *transcript) Result { return success() }
func (t talker) begin(p post)                          { t.posts <- p }
func (talker) end()                                    {}
func (talker) answered(Result, time.Time)              {}

// Standing checks report as often as they like; what a slow consumer is to hear stays
// bounded, and the latest of each check is never lost.
func TestStandingChecksDoNotFloodASlowConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const checks, most = 10, 8
		posts := make(chan post, checks)
		e := newEngine(Config{MaxPending: most}.withDefaults(), func(Spec) (probe, error) { return talker{posts}, nil })
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- e.Run(ctx) }()
		e.Set(fakeSpecs(checks, second))
		want := make(map[Key]string)
		for range checks {
			p := <-posts
			for round := range 1000 {
				reason := fmt.Sprint(round)
				p.report(refused(reason), time.Now())
				want[p.check.key] = reason
			}
			for range 3 { // which change nothing
				p.report(inconclusive("no port"), time.Now())
			}
		}
		synctest.Wait()
		if n := e.Stats().Pending; n > most {
			t.Errorf("%d events wait", n)
		}
		for len(want) > 0 {
			event := <-e.Events()
			if event.Reason == want[event.Key] && event.Changed {
				delete(want, event.Key)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
