package checker

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// statement is what the program said last. Most answers say the same again, and then
// cost next to nothing.
type statement struct {
	begun    bool // of this connection; the rest may be of one before
	state    wire.State
	weight   wire.Optional
	instance string
	reason   string
	seq      uint64
	at       moment // of the read
	result   Result
}

// accept reads an answer. Wrong says why it does not count.
func (w *watch) accept(now moment, line []byte) (r Result, wrong string) {
	said, ok := readPlain(line)
	if !ok {
		a, err := wire.ParseAnswer(line)
		if err != nil {
			return r, unwatchable(err)
		}
		said = plainOf(a)
	}
	if wrong := w.authentic(line); wrong != "" {
		return r, wrong
	}
	last := &w.said
	switch {
	case string(said.service) != w.service:
		return r, fmt.Sprintf("%s: asked for %q, got %q", wire.ErrWrongService, clean(w.service), clean(string(said.service)))
	case last.begun && string(said.instance) != last.instance:
		return r, "answers of two instances on one connection: each start of the program has a connection of its own"
	case last.begun && said.seq <= last.seq:
		return r, fmt.Sprintf("answer's seq does not grow: %d after %d", said.seq, last.seq)
	case !w.pace.allows(now, w.timing):
		return r, "answers too often"
	}
	same := said.state == last.state && said.weight == last.weight &&
		string(said.instance) == last.instance && string(said.reason) == last.reason
	if !same {
		last.state, last.weight = said.state, said.weight
		last.instance, last.reason = string(said.instance), string(said.reason)
		last.result = verdictOf(wire.Answer{
			State: said.state, Instance: last.instance, Weight: said.weight, Reason: last.reason,
		})
	}
	last.begun, last.seq, last.at = true, said.seq, now
	return last.result, ""
}

// unwatchable says why something is no answer to a watch.
func unwatchable(err error) string {
	var refusal *wire.RefusalError
	if errors.As(err, &refusal) && (strings.Contains(refusal.Reason, "method") || strings.Contains(refusal.Reason, "watch")) {
		return "the program can't be watched: use mode: poll (it says: " + clean(refusal.Reason) + ")"
	}
	return unacceptable(err)
}

// authentic checks the mac of an answer, where answers are signed, and notes which line
// it is to. What was read now may have been sent at any moment since the socket was
// last empty.
func (w *watch) authentic(line []byte) (wrong string) {
	l := &w.line
	if w.verify == nil {
		l.answered = true
		return ""
	}
	err := w.verify(l.text, line)
	if err == nil {
		l.answered = true
		return ""
	}
	if l.former == nil || w.verify(l.former, line) != nil {
		return unacceptable(err)
	}
	if w.pace.empty > l.formerUntil {
		return "answers don't follow the new nonce"
	}
	return ""
}

// answerPace bounds how often a program answers. It gathers credit with time: a
// director that was away for long finds as many answers as belong to that time.
type answerPace struct {
	credit float64 // answers that may come
	last   moment  // when credit was last added to; 0: never
	empty  moment  // when the socket was last known to be empty
}

// Answers may come four times in an interval and a hundred times a second, and a
// hundred more where a program says many things at once.
const (
	answersPerInterval = 4
	answersPerSecond   = 100
	answersAtOnce      = 100
)

func (p *answerPace) allows(now moment, t Timing) bool {
	if p.last == 0 {
		p.credit = answersAtOnce
	} else {
		rate := max(answersPerSecond, answersPerInterval/t.FastInterval.Seconds())
		p.credit += (now - p.last).Seconds() * rate
	}
	p.last = max(now, time.Nanosecond)
	p.credit--
	return p.credit >= 0
}

// emptied says that the socket was empty at a moment: what comes from now on is new.
func (p *answerPace) emptied(now moment) {
	p.empty = now
	p.credit = min(p.credit, answersAtOnce)
}
