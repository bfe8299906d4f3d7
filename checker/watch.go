package checker

import (
	"errors"
	"io"
	"syscall"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// watch is one watched server: what is known about it, and what is to be done next. It
// has no socket and no clock: its methods take what happened and when, and return what
// is to be done. Who carries that out calls look when due has come, and has looked at
// the socket just before.
//
// A director that was late itself must find no server down for it. So what a socket
// holds counts whenever it is read; silence counts from the last answer up to a read that
// found nothing; and where that read came late the server is given more time, though
// not twice in a row, for a director that is always late must still find out who is dead.
type watch struct {
	timing Timing
	// verify tells whether an answer's mac is one for a request; nil: answers are not
	// signed.
	verify  func(request, answer []byte) error
	service string
	jitter  float64 // 0 to 1: keeps apart those that went down together

	stands  standingState // as the engine said last
	stage   stage
	due     moment // when to look at it next; never: something else comes first
	excused bool   // the latest look was late
	redial  redial
	line    watchLine
	said    statement
	pace    answerPace
	halfway bool // a part of an answer has come
}

// stage is how far a watch has got.
type stage uint8

const (
	resting   stage = iota // there is no connection; the next dial begins when due
	queued                 // there is none, and a dial begins as soon as there is room
	dialing                // a dial is at work
	asked                  // the program was asked and has not answered
	following              // it has answered, and goes on doing so
)

// never is when a watch is due that waits for something else than time.
const never = moment(1<<63 - 1)

// effects is what is to be done, in the order of the fields.
type effects struct {
	hangUp bool // close the connection
	// result is to be reported, so many times over; then told wants to hear how the
	// check stands.
	result Result
	times  int
	gone   bool // result is that of a program that was up and is there no more
	dial   bool // dial as soon as there is room; then call dialling
	ask    bool // send a watch line for wanted; then call sent
}

// begin makes the watch dial for the first time after a delay.
func (w *watch) begin(now moment, delay time.Duration) {
	w.stage, w.due = resting, now+delay
}

// dialling says that a dial has begun.
func (w *watch) dialling(now moment) {
	w.stage = dialing
	w.redial.began = now
	if w.redial.agents == 0 {
		w.redial.deadline = now + w.timing.Timeout
	}
	w.due = w.redial.deadline
}

// connected says that the dial has succeeded.
func (w *watch) connected() effects {
	w.stage = asked
	w.line, w.said.begun, w.halfway, w.pace = watchLine{}, false, false, answerPace{}
	return effects{ask: true}
}

// sent says that a watch line was sent, given without its end, and for what interval.
func (w *watch) sent(now moment, line []byte, interval time.Duration) {
	w.line.replace(now, line, interval, w.timing.Timeout)
	switch {
	case w.stage == following:
		w.due = now + w.patience()
	case w.redial.agents == 0:
		w.due = now + w.timing.Timeout
	}
}

// look says that due has come, that a read of the socket just found nothing, and by how
// much that read was late.
func (w *watch) look(now moment, late time.Duration) effects {
	switch w.stage {
	case resting:
		return w.dial()
	case dialing, asked:
		if w.forgives(late, w.timing.Timeout) {
			w.due = now + w.timing.Timeout
			return effects{}
		}
		during := w.during()
		return w.lose(now, failed(during.missing+" within "+w.timing.Timeout.String()), 1)
	case following:
		if w.line.nextAt != never && now >= w.line.nextAt {
			w.line.nextAt = never
			w.due = w.said.at + w.patience()
			if w.wanted() != w.line.interval {
				return effects{ask: true}
			}
			return effects{}
		}
		if w.forgives(late, w.line.interval) {
			w.due = now + w.line.interval
			return effects{}
		}
		// Two intervals are two answers that did not come.
		w.redial.atOnce = true
		return w.lose(now, failed("no answer within "+w.patience().String()), 2)
	}
	w.due = never
	return effects{}
}

// ended says that the dial failed or that the connection ended: with io.EOF where the
// program closed it.
func (w *watch) ended(now moment, err error) effects {
	if w.isDying(err) {
		w.stage, w.due = resting, now+w.redial.dying
		return effects{hangUp: true}
	}
	if w.stage != following || w.halfway {
		r := trouble(err, w.during(), w.timing.Timeout)
		gone := w.stage == dialing && errors.Is(err, syscall.ECONNREFUSED) && w.redial.bereaved && w.stands.verdict == Up
		w.redial.atOnce = w.stage == following
		fx := w.lose(now, r, 1)
		fx.gone = gone
		return fx
	}
	w.redial.atOnce = true
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, syscall.EPIPE):
		return w.lose(now, failed("connection closed by the program"), 1)
	case errors.Is(err, syscall.ECONNRESET):
		return w.lose(now, failed("connection reset by the program"), 1)
	}
	return w.lose(now, trouble(err, answering, w.timing.Timeout), 1)
}

// heard says what the program said: one line, given without its end, from a read that
// began at now.
func (w *watch) heard(now moment, line []byte) effects {
	if w.stage == asked && wire.IsAgentLine(line) {
		// The program takes whoever is slow to ask for HAProxy. That was us, perhaps.
		if w.redial.agents++; w.redial.agents == 1 {
			fx := w.dial()
			fx.hangUp = true
			return fx
		}
		return w.lose(now, failed(agentInstead), 1)
	}
	r, wrong := w.accept(now, line)
	if wrong != "" {
		return w.lose(now, failed(wrong), 1)
	}
	if w.stage == asked {
		r.Latency = now - w.line.sent
	}
	w.stage, w.excused, w.redial = following, false, redial{began: w.redial.began, atOnceAt: w.redial.atOnceAt}
	return effects{result: r, times: 1}
}

// unacceptable says that what the program says can't be taken for an answer at all.
func (w *watch) unacceptable(now moment, reason string) effects {
	return w.lose(now, failed(reason), 1)
}

// emptied says that a read which began at now left nothing in the socket.
func (w *watch) emptied(now moment) { w.pace.emptied(now) }

// told hears how the check stands with what was reported.
func (w *watch) told(now moment, s standingState) effects {
	w.stands = s
	switch w.stage {
	case resting:
		if w.due = w.redialAt(now); w.due <= now {
			return w.dial()
		}
	case following:
		ask := w.line.settle(now, w.wanted(), w.verify != nil)
		w.due = min(w.said.at+w.patience(), w.line.nextAt)
		return effects{ask: ask}
	}
	return effects{}
}

// wanted is the interval that the program is to answer in. Only where a server that is
// down comes up again are more answers needed sooner: all else that adds up is
// failures, and the first answer ends those.
func (w *watch) wanted() time.Duration {
	if w.stage == following && w.stands.reaching && w.stands.verdict == Down {
		return w.timing.FastInterval
	}
	return w.timing.Interval
}

// patience is how long a program that has answered may be silent: two intervals. To a
// further line, which it answers at once, it may take its time.
func (w *watch) patience() time.Duration {
	if !w.line.answered {
		return max(2*w.line.interval, w.timing.Timeout)
	}
	return 2 * w.line.interval
}

// during is what the watch waits for.
func (w *watch) during() phase {
	switch {
	case w.stage == dialing:
		return connecting
	case w.halfway:
		return reading
	}
	return answering
}

// dial makes a dial begin.
func (w *watch) dial() effects {
	w.stage, w.due = queued, never
	return effects{dial: true}
}

// lose gives the connection up, or the dial, with a result to report so many times.
func (w *watch) lose(now moment, r Result, times int) effects {
	d := &w.redial
	d.ownTrouble = r.Answer == Inconclusive
	switch {
	case w.stage == following:
		d.bereaved, d.from = w.said.result.Answer == Success, now
	case !d.ownTrouble:
		d.bereaved, d.from = false, d.began
	default:
		d.from = d.began
	}
	d.agents, d.dying = 0, 0
	w.stage, w.due = resting, never
	return effects{hangUp: true, result: r, times: times}
}

// forgives tells whether silence does not count because the look at it came late.
func (w *watch) forgives(late, period time.Duration) bool {
	first := !w.excused
	w.excused = late > lookSlack(period)
	return w.excused && first
}

// lookSlack is how late a look may be, after so long a time, to be as good as in time.
func lookSlack(period time.Duration) time.Duration {
	return min(max(period/5, stallNoise), deadlineSlack)
}
