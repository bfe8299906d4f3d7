package checker

import "time"

// Stats is how the engine fares. The counts begin with the engine and only grow.
type Stats struct {
	Checks  int // that are set
	Running int // runs at work
	Lost    int // of these, runs that did not come back from their deadline
	Behind  int // checks that are due and not started
	Pending int // events that wait for the consumer

	Runs         uint64 // results, all told
	Inconclusive uint64 // of these, through our own troubles
	// LateStarts counts runs that started later than due by more than a tenth of
	// their interval: when it grows, the checks can't keep their intervals.
	LateStarts uint64
	// WorstLateness is the worst that a start was late by in the last half to whole
	// minute.
	WorstLateness time.Duration

	Stalls     uint64        // times that this process did not get to run
	WorstStall time.Duration // the longest of them
}

// Stats returns how the engine fares.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	s := Stats{
		Checks:        len(e.checks),
		Running:       e.airborne,
		Lost:          e.network.lost + e.commands.lost,
		Behind:        e.network.waiting.due(now) + e.commands.waiting.due(now),
		Pending:       e.outbox.pending(),
		Runs:          e.tally.runs,
		Inconclusive:  e.tally.inconclusive,
		LateStarts:    e.tally.lateStarts,
		WorstLateness: e.tally.worst(now),
	}
	s.Stalls, s.WorstStall = e.meter.total()
	return s
}

// tally is what the engine counts.
type tally struct {
	runs, inconclusive, lateStarts uint64
	// The worst lateness of this half minute and the one before.
	half         int64
	this, before time.Duration
}

// start counts a start at now that was late.
func (t *tally) start(now moment, late, interval time.Duration) {
	if late > max(interval/10, stallNoise) {
		t.lateStarts++
	}
	t.turn(now)
	t.this = max(t.this, late)
}

func (t *tally) turn(now moment) {
	half := int64(now / (30 * time.Second))
	switch half - t.half {
	case 0:
		return
	case 1:
		t.before, t.this = t.this, 0
	default:
		t.before, t.this = 0, 0
	}
	t.half = half
}

func (t *tally) worst(now moment) time.Duration {
	t.turn(now)
	return max(t.this, t.before)
}

func (t *tally) result(r Result) {
	t.runs++
	if r.Answer == Inconclusive {
		t.inconclusive++
	}
}

// due counts the checks that should have been looked at before now.
func (t *timetable) due(now moment) (n int) {
	for c := range t.All() {
		if c.At < now {
			n++
		}
	}
	return n
}
