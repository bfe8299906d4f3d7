package checker

// tracker adds the results of one check up to a verdict. It is pure: the same
// results give the same verdicts, whenever they come.
//
//   - The first success is up. So is the rise-th success in a row after down.
//   - The fall-th failure in a row is down, and so is one refusal, at once.
//   - A success ends a row of failures, a failure or refusal a row of successes: what
//     is not consecutive never adds up.
//   - An inconclusive run is as if it had not been.
//   - What a success asks for (mode, percent) holds at once while up.
type tracker struct {
	verdict  Verdict
	mode     Mode
	starting bool
	percent  int
	weight   Optional
	most     Optional // connections
	reason   string

	streak  int  // results in a row of the same sort
	working bool // that sort: successes; otherwise failures and refusals
}

// newTracker is a tracker that has seen nothing.
func newTracker() tracker { return tracker{percent: 100} }

// add takes one more result and tells whether anything about the verdict changed.
func (t *tracker) add(timing Timing, r Result) (changed bool) {
	if r.Answer == Inconclusive {
		return false
	}
	working := r.Answer == Success
	if working != t.working {
		t.working, t.streak = working, 0
	}
	t.streak++
	verdict := t.next(timing, r)
	if verdict == Unknown || (verdict == Up) != working {
		return false // still adding up: what settled the verdict stands
	}
	settled := *t
	settled.verdict, settled.mode, settled.starting = verdict, r.Mode, r.Starting
	settled.percent, settled.reason = r.Percent, r.Reason
	settled.weight, settled.most = r.Weight, r.MaxConnections
	changed = settled != *t
	// The streak is no part of the verdict, and is the same in both.
	*t = settled
	return changed
}

// next is the verdict after a result that is counted already.
func (t *tracker) next(timing Timing, r Result) Verdict {
	switch {
	case r.Answer == Refusal:
		return Down
	case t.working && (t.verdict != Down || t.streak >= timing.Rise):
		return Up
	case !t.working && t.streak >= timing.Fall:
		return Down
	}
	return t.verdict
}

// reaching tells whether a verdict is being reached: results add up to one that is
// not there yet.
func (t *tracker) reaching() bool {
	return t.streak > 0 && (t.verdict != Up || !t.working) && (t.verdict != Down || t.working)
}
