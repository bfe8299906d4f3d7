package checker

import (
	"io"
	"time"

	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
)

const (
	// redialSlowly is how long after the last a server that is down is asked again at
	// most, where its interval is shorter.
	redialSlowly = 5 * time.Second
	// minChange is the least time from one change that is told to the next: of those
	// between only the last is.
	minChange = 20 * time.Millisecond
)

// maxBrief is how many streams may end soon after they began before no more are begun:
// something on the way, such as a proxy, does not let them live.
const maxBrief = 3

// streaming is what a connection is at while nothing is asked.
var streaming = phase{"during the watch", "no answer"}

// healthWatcher is the goroutine of a [healthWatch].
type healthWatcher struct {
	*healthWatch
	post    post
	timer   *time.Timer // when to ask again
	asked   time.Time   // when that was last
	stands  standingState
	said    Result        // the last result that was told
	pause   time.Duration // from a failure to the next question, while down
	stream  *healthStream // nil: there is none
	mourned *grpcLink     // the last one whose end was told
	wasUp   bool          // the watch that has ended had found the server up
	without *grpcLink     // the last one whose server has no Watch
	began   time.Time     // when the stream did
	brief   int           // streams in a row that ended within an interval
}

// run watches until the check ends.
func (w *healthWatcher) run(first time.Duration) {
	defer w.dropAll()
	w.timer = time.NewTimer(first)
	defer w.timer.Stop()
	defer w.endStream()
	var hold <-chan time.Time // until which no change is told
	for {
		var changes <-chan Result
		var ended <-chan error
		if w.stream != nil {
			ended = w.stream.ended
			if hold == nil {
				changes = w.stream.changes
			}
		}
		select {
		case <-w.ctx.Done():
			return
		case <-w.timer.C:
			w.ask()
		case h := <-w.results:
			w.checked(h)
		case r := <-changes:
			w.changed(r)
			hold = time.After(minChange)
		case <-hold:
			hold = nil
		case err := <-ended:
			w.streamEnded(err)
		}
	}
}

// ask has the engine run a Check soon. It does not where one is at work; then the timer
// sees to it that none is ever the last.
func (w *healthWatcher) ask() {
	w.asked = time.Now()
	w.post.ask()
	w.timer.Reset(max(w.timing.Interval, w.timing.Timeout+hardGrace))
}

// tell reports a result and settles when to ask next.
func (w *healthWatcher) tell(r Result, at time.Time) {
	w.said = r
	w.stands = w.post.report(r, at)
	w.timer.Reset(time.Until(w.asked.Add(w.next(r.Answer))))
}

// next is the time from the last question to the next, after an answer. A server that
// is down and does not answer is asked less and less often.
func (w *healthWatcher) next(a Answer) time.Duration {
	if a == Failure && w.stands.verdict == Down {
		w.pause = min(max(2*w.pause, w.timing.Interval), max(w.timing.Interval, redialSlowly))
		return w.pause
	}
	w.pause = 0
	if w.stands.reaching {
		return w.timing.FastInterval
	}
	return w.timing.Interval
}

// checked takes the result of a Check.
func (w *healthWatcher) checked(h heard) {
	if h.used != nil && h.used == w.mourned {
		w.ask() // it met the end that was told already
		return
	}
	if w.wasUp && h.refused && w.post.mayShorten() {
		h.result.Answer = Refusal
		h.result.Reason += " after the watch ended"
	}
	w.wasUp = false
	watchable := h.kept != nil && h.kept != w.without && w.brief < maxBrief
	if !watchable && h.kept != nil && h.result.Answer == Success {
		why := "has no Watch"
		if h.kept != w.without {
			why = "ends each Watch at once"
		}
		h.result.Reason = "health service says SERVING, and " + why + ": changes are seen each interval only"
	}
	w.tell(h.result, h.at)
	if w.stream != nil && w.stream.link != h.kept {
		w.endStream()
	}
	if w.stream == nil && watchable {
		w.stream, w.began = w.health.watch(h.kept), time.Now()
	}
}

// changed takes a status that Watch told. Its first one is what the Check before it
// said, and no further success.
func (w *healthWatcher) changed(r Result) {
	if r.Answer == w.said.Answer && r.Reason == w.said.Reason {
		return
	}
	w.tell(r, time.Now())
}

// streamEnded takes the end of the Watch, which is a failure at once, and asks anew.
func (w *healthWatcher) streamEnded(err error) {
	l := w.stream.link
	w.stream = nil
	if grpcstatus.Code(err) == codes.Unimplemented {
		w.without = l
		return
	}
	r := failed("the server ended the watch")
	if _, cause := l.state(); cause != nil {
		r = trouble(cause, streaming, w.timeout)
	} else if err != io.EOF {
		r.Reason += " with " + grpcstatus.Code(err).String() + ": " + clean(grpcstatus.Convert(err).Message())
	}
	w.wasUp = w.stands.verdict == Up
	w.mourned = l
	w.drop(l)
	now := time.Now()
	if now.Sub(w.began) > w.timing.Interval {
		w.brief = 0
	}
	w.brief++
	w.tell(r, now)
	if soonest := w.asked.Add(min(w.timing.FastInterval, redialFloor)); now.Before(soonest) {
		w.timer.Reset(soonest.Sub(now))
		return
	}
	w.ask()
}

// endStream ends the Watch, if there is one, and its connection.
func (w *healthWatcher) endStream() {
	if w.stream != nil {
		w.drop(w.stream.link)
		<-w.stream.ended
		w.stream = nil
	}
}
