package checker

import "time"

// post is where a standing check stands: its way to the engine.
type post struct {
	engine *Engine
	check  *check
}

// report counts a result, as of a time, and returns how the check stands with it. The
// engine does not judge how late this process was: who reports knows.
func (p post) report(r Result, at time.Time) standingState {
	s, _ := p.count(r, at)
	p.engine.outbox.signal()
	return s
}

// reportMany is report for one of many results. Where it changes nothing the consumer
// hears of it with the next signal, which is to follow the last.
func (p post) reportMany(r Result, at time.Time) standingState {
	s, changed := p.count(r, at)
	if changed {
		p.engine.outbox.signal()
	}
	return s
}

func (p post) count(r Result, at time.Time) (s standingState, changed bool) {
	e, c := p.engine, p.check
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.state == running && !c.removed.Load() {
		changed = e.tell(c, r, at)
	}
	return standingState{c.tracker.verdict, c.tracker.reaching()}, changed
}

// standingState is how a standing check stands.
type standingState struct {
	verdict  Verdict
	reaching bool // a verdict is being reached that is not there yet
}

// ask has the check's probe run once, soon; the result goes to answered. It does nothing
// where a run is at work or about to begin.
func (p post) ask() {
	e, c := p.engine, p.check
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.state != running || c.removed.Load() || c.table != nil || c.cancel != nil {
		return
	}
	c.due = e.now()
	c.lane.waiting.put(c, c.due)
	e.lookAgain()
}

// mayShorten asks whether a server whose program refused the first redial after a watch
// that was up is down at once; see [Config].
func (p post) mayShorten() bool {
	shortcut := p.engine.config.Shortcut
	return shortcut != nil && shortcut(p.check.key)
}

// stand has a check that is new begin, if it is a standing one; the caller holds
// Engine.setting.
func (e *Engine) stand(c *check) {
	if c.standing != nil && !e.disbanded {
		c.begun = true
		c.standing.begin(post{e, c})
	}
}

// settleAsked ends a run that a standing check asked for. It tells whether the check is
// to hear of it.
func (e *Engine) settleAsked(c *check, r Result, end time.Time) (Result, bool) {
	c.leaveIfThere()
	if c.lost {
		c.lost = false
		return r, false
	}
	return e.judge(c, r, end.Sub(e.epoch)), true
}
