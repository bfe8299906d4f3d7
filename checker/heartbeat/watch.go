package heartbeat

import (
	"time"

	"github.com/mainstay-lvs/mainstay/checker/internal/agenda"
	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// watch is how one check stands.
type watch struct {
	handle Handle
	check  Check
	child  *child
	state  state
	since  time.Duration // when it was entered

	polling bool          // it is polled, at pollAt next
	pollAt  time.Duration // when
	asked   bool          // it was polled before, at lastAsk
	lastAsk time.Duration

	agenda.Slot // when to look at it next
}

// state is what is known of a check's server.
type state uint8

const (
	unheard  state = iota // nothing was heard yet
	nothing               // likewise, and that was told
	fresh                 // it is not silent for too long
	silent                // it is, and that was told
	unsure                // who could say so can't; that was told
	restored              // like unsure, from the start, and not told yet
)

// polled tells whether the fallback decides in that state.
func (s state) polled() bool { return s != fresh && s != silent }

// begin puts a new check in its first state.
func (l *Ledger) begin(now time.Duration, w *watch) {
	switch {
	case !w.child.known:
		w.state = unheard
	case w.child.mark.heard && now <= l.deadline(w), w.child.direct(w) != nil:
		w.state = fresh
	default:
		w.state = restored
	}
	l.look(now, w)
}

// look brings a check up to the present and says when to look again.
func (l *Ledger) look(now time.Duration, w *watch) {
	limit := w.check.limit()
	var next time.Duration
	switch {
	case w.state == unheard && now < w.since+limit:
		next = w.since + limit
	case w.state == unheard:
		w.state = nothing
		l.find(w, Unsure, wire.Heartbeat{}, w.child.unheardReason(w))
		next = now + w.check.Interval
	case w.state == nothing:
		next = now + w.check.Interval
	case w.state == fresh && now <= l.deadline(w):
		next = l.deadline(w) + 1
	default:
		next = l.judge(now, w)
	}
	if at, polled := l.poll(now, w); polled {
		next = min(next, at)
	}
	l.due.Put(w, max(next, now+1))
}

// lookSoon has a check looked at no later than at.
func (l *Ledger) lookSoon(w *watch, at time.Duration) {
	if at < w.At {
		l.due.Put(w, at)
	}
}
