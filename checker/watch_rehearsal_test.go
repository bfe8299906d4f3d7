package checker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// rehearsal is a watch in virtual time, with an engine's tracker beside it, and a
// transcript of what it wants done.
type rehearsal struct {
	t       *testing.T
	w       watch
	tracker tracker
	now     moment
	lines   []string // watch lines sent
	log     strings.Builder
	shorten bool // the server may be taken for down at once
	late    time.Duration
}

// eager is a timing whose verdicts are reached in 200 ms steps.
var eager = Timing{Interval: time.Second, Timeout: 500 * time.Millisecond, FastInterval: 200 * time.Millisecond, Fall: 3, Rise: 2}

func rehearse(t *testing.T, timing Timing) *rehearsal {
	r := &rehearsal{t: t, w: watch{timing: timing, service: "a"}, tracker: newTracker()}
	r.w.begin(0, 300*time.Millisecond)
	return r
}

func (r *rehearsal) note(format string, args ...any) {
	fmt.Fprintf(&r.log, "%.3f %s\n", r.now.Seconds(), fmt.Sprintf(format, args...))
}

// carry does what a loop does with effects.
func (r *rehearsal) carry(fx effects) {
	for {
		if fx.hangUp && !fx.dial {
			r.note("hang up")
		}
		if fx.times > 0 {
			result := fx.result
			if fx.gone && r.shorten {
				result = refused("its program is gone")
			}
			for range fx.times {
				r.tracker.add(r.w.timing, result)
				verdict := [...]string{"unknown", "up", "down"}[r.tracker.verdict]
				answer := [...]string{"inconclusive", "success", "failure", "refusal"}[result.Answer]
				r.note("%s", strings.TrimSpace(fmt.Sprintf("%s (%s) %s", answer, verdict, result.Reason)))
			}
			fx = r.w.told(r.now, standingState{r.tracker.verdict, r.tracker.reaching()})
			continue
		}
		if fx.ask {
			line := fmt.Sprintf("watch %d", len(r.lines)+1)
			r.lines = append(r.lines, line)
			r.note("send line for %s", r.w.wanted())
			r.w.sent(r.now, []byte(line), r.w.wanted())
		}
		if fx.dial {
			r.note("dial")
			r.w.dialling(r.now)
		}
		return
	}
}

// run lets time pass up to a moment, with an answer each interval if it is above 0.
func (r *rehearsal) run(to moment) {
	for r.w.due <= to {
		r.now = max(r.now, r.w.due) + r.late
		r.carry(r.w.look(r.now, r.late))
	}
	r.now = to
}

func (r *rehearsal) connect()         { r.carry(r.w.connected()) }
func (r *rehearsal) end(err error)    { r.carry(r.w.ended(r.now, err)) }
func (r *rehearsal) hear(line string) { r.carry(r.w.heard(r.now, []byte(line))) }

// up hears an answer, and finds the socket empty then.
func (r *rehearsal) up(seq int) {
	r.hear(fmt.Sprintf("MONITOR/1 up service=a instance=i seq=%d", seq))
	r.w.emptied(r.now)
}

// settled is a rehearsal of a server that is up and answers, at 10 s.
func settled(t *testing.T, timing Timing) *rehearsal {
	r := rehearse(t, timing)
	r.w.begin(0, 10*time.Second)
	r.run(10 * time.Second)
	r.connect()
	r.up(1)
	r.log.Reset()
	return r
}

func (r *rehearsal) expect(want string) {
	r.t.Helper()
	if diff := cmp.Diff(strings.TrimSpace(strings.ReplaceAll(want, "\t", "")), strings.TrimSpace(r.log.String())); diff != "" {
		r.t.Errorf("transcript (-want +got):\n%s", diff)
	}
	r.log.Reset()
}
