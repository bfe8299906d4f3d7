package checker

import "time"

// renewEach is how many intervals a nonce serves, and followWithin how many after a
// renewal the answers to the former line still count.
const (
	renewEach    = 10
	followWithin = 2
)

// watchLine is the line that a program was asked with, and the one before.
type watchLine struct {
	text, former []byte // without their ends; nil: there is none
	interval     time.Duration
	sent         moment
	formerUntil  moment // answers sent later don't count if they are to the former line
	answered     bool   // to text; where answers are not signed nobody knows
	nextAt       moment // when a further line asks for more answers; never: none does
}

// replace puts a line in place of the former.
//
// Where intervals are short a packet that was lost may take longer than two of them:
// the former line then counts for as long as an answer may take.
func (l *watchLine) replace(now moment, text []byte, interval, timeout time.Duration) {
	former := l.text
	until := now + max(followWithin*max(interval, l.interval), timeout)
	*l = watchLine{text: text, former: former, interval: interval, sent: now, formerUntil: until, nextAt: never}
}

// settle tells whether a further line is to be sent now: for another interval, or for a
// new nonce. There is never more than one line that was not answered, so that answers
// are to one of two.
//
// A further line is answered at once. So one that asks for more answers is sent when
// the first of them is wanted, or else a verdict would be reached sooner than at the
// fast interval.
func (l *watchLine) settle(now moment, wanted time.Duration, signed bool) (ask bool) {
	switch {
	case !l.answered:
	case wanted < l.interval:
		if l.nextAt == never {
			l.nextAt = now + wanted
		}
		return false
	case wanted > l.interval:
		return true
	case signed && now >= l.sent+renewEach*l.interval:
		return true
	}
	l.nextAt = never
	return false
}
