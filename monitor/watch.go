package monitor

import (
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// watch is what a director wants to hear without asking each time, and what it has heard. Its methods only reckon: what
// the time is they are told.
type watch struct {
	request []byte        // the line in force, which answers are signed for
	service string        // the service watched
	period  time.Duration // from one answer to the next
	due     time.Time     // when an answer goes out whatever is so
	turn    time.Time     // when the passing of time alone may have changed something; zero: never
	quiet   time.Time     // before this no change is looked for, so that a burst of them ends in one
	told    standing      // by the last answer
}

// newWatch makes the watch that a line asks for, its first answer due at once.
func newWatch(line []byte, r wire.Request, now time.Time) *watch {
	early := min(r.Interval/earlyPart, earlyMost)
	return &watch{request: line, service: r.Service, period: r.Interval - early, due: now, quiet: now}
}

// next is when the watch has to be looked at next, if nothing wakes it before.
func (w *watch) next() time.Time {
	if w.turn.IsZero() {
		return w.due
	}
	if w.turn.Before(w.quiet) {
		return earlier(w.due, w.quiet)
	}
	return earlier(w.due, w.turn)
}

// rests tells whether there is nothing to tell yet, wherever the service stands.
func (w *watch) rests(now time.Time) bool { return now.Before(w.due) && now.Before(w.quiet) }

// wants tells whether where the service stands is to be told, of a watch that doesn't rest. After a look that had nothing
// to tell the watch rests for a moment: a program may call for looks as often as it likes.
func (w *watch) wants(now time.Time, stands standing) bool {
	if !now.Before(w.due) || stands != w.told {
		return true
	}
	w.quiet = now.Add(lookTime)
	return false
}

// looked notes when time alone can change something next. The looks at that are as far apart as the answers to changes.
func (w *watch) looked(now, turn time.Time) {
	if soonest := now.Add(changeTime); !turn.IsZero() && turn.Before(soonest) {
		turn = soonest
	}
	w.turn = turn
}

// answered notes an answer that was given at now. The next one is due a period after it; after one that was itself due,
// a period after it was due, so that the lateness of answers doesn't add up.
func (w *watch) answered(now time.Time, stands standing) {
	from := now
	if !now.Before(w.due) && now.Before(w.due.Add(w.period)) {
		from = w.due
	}
	w.due = from.Add(w.period)
	if first := w.told == (standing{}); !first && stands != w.told {
		w.quiet = now.Add(changeTime)
	}
	w.told = stands
}

// beginWatch lets a connection watch, in the place of what it watched before, and gives the first answer.
func (m *Monitor) beginWatch(c *conn, line []byte, r wire.Request) error {
	if b, ok := c.Conn.(interface{ SetWriteBuffer(int) error }); ok && c.watch == nil {
		_ = b.SetWriteBuffer(watchBuffer) // it watches without that, too
	}
	m.room.watches(c, m.byName[r.Service])
	var room []byte
	if c.watch != nil {
		room = c.watch.request[:0]
	}
	c.watch = newWatch(append(room, line...), r, time.Now())
	return m.look(c)
}

// look gives a connection that watches the answer that is due or tells of a change, if there is one.
func (m *Monitor) look(c *conn) error {
	w, now := c.watch, time.Now()
	if w.rests(now) {
		return nil
	}
	c.settle()
	w.looked(now, m.turns(w.service, now))
	if !w.wants(now, m.standing(w.service)) {
		return nil
	}
	line, stands := m.appendAnswer(c.out[:0], w.request, w.service)
	if err := c.send(line); err != nil {
		return err
	}
	w.answered(now, stands)
	m.room.answered(c, stands.leaving)
	return nil
}
