package checker

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

// This is the seam between the schedule and the kinds: step says which checks run
// now, launch begins a run, and finish takes its result, once for each launch. An
// engine that waits for thousands of sockets at once need only launch differently.

// step starts what is due and gives up what did not come back. It returns how long
// nothing is to be done.
func (e *Engine) step() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	e.sleeping = now + time.Hour
	e.payOwed()
	for c := e.flights.First(); c != nil && c.At <= now; c = e.flights.First() {
		e.giveUp(c, now)
	}
	for _, l := range []*lane{&e.network, &e.commands} {
		for c := l.waiting.First(); c != nil && l.open(); c = l.waiting.First() {
			if c.At > now {
				e.sleeping = min(e.sleeping, c.At)
				break
			}
			if !e.room() {
				break
			}
			e.launch(c, now)
		}
	}
	if c := e.flights.First(); c != nil {
		e.sleeping = min(e.sleeping, c.At)
	}
	return e.sleeping - now
}

// room tells whether one more event than is promised already finds place; if not,
// Run is woken as soon as the consumer has taken one.
func (e *Engine) room() bool {
	return e.outbox.room(e.config.MaxPending - e.network.flying - e.commands.flying)
}

// hardGrace is how long after its deadline a run may come back.
const hardGrace = 250 * time.Millisecond

// launch begins a run.
func (e *Engine) launch(c *check, now moment) {
	c.leave()
	e.tally.start(now, now-c.At, c.spec.Timing.Interval)
	timeout := c.spec.Timing.Timeout
	ctx, cancel := context.WithDeadline(e.ctx, e.epoch.Add(now+timeout))
	c.started, c.cancel = now, cancel
	c.lane.flying++
	e.airborne++
	e.flights.put(c, now+timeout+hardGrace)
	go func() { e.finish(c, e.guarded(ctx, c.probe, nil)) }()
}

// guarded runs a probe; what it panics over is a failure, for it came from the
// server, and neither may that end the daemon nor leave the server's last health
// standing for ever.
func (e *Engine) guarded(ctx context.Context, p probe, t *transcript) (r Result) {
	begun := time.Now()
	defer func() {
		if cause := recover(); cause != nil {
			r = failed(brokeDown(cause))
			if e.config.Logger != nil {
				e.config.Logger.Error("a check panicked", "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
			}
		}
		r.Latency = time.Since(begun)
	}()
	return p.run(ctx, t)
}

// brokeDown is the reason where a check panicked.
func brokeDown(cause any) string {
	return "the check broke down over the answer, which is a mistake of mainstay: " + clean(fmt.Sprint(cause))
}

// finish takes the result of a run and schedules the next.
func (e *Engine) finish(c *check, r Result) {
	end := time.Now()
	if r, asked := e.settleRun(c, r, end); asked {
		c.standing.answered(r, end)
	}
}

// settleRun is finish as far as the engine is locked. It tells whether a standing check had
// asked for the run, and is to hear of it.
func (e *Engine) settleRun(c *check, r Result, end time.Time) (_ Result, asked bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c.cancel()
	c.cancel = nil
	e.airborne--
	if c.lost {
		c.lane.lost--
	} else {
		c.lane.flying--
	}
	switch {
	case e.state == stopping && e.airborne == 0:
		close(e.landed)
		return r, false
	case e.ctx.Err() != nil:
		return r, false // what was cut short has no result
	case c.removed.Load():
		e.lookAgain() // it held a place in its lane
		return r, false
	case c.standing != nil:
		e.lookAgain()
		return e.settleAsked(c, r, end)
	}
	c.leave()
	if c.lost { // its result was told already, and its next place in time is set
		c.lost = false
	} else {
		e.settle(c, r, end)
		c.due = next(c.due, c.started, c.every())
	}
	now := end.Sub(e.epoch)
	c.due = max(c.due, now)
	c.lane.waiting.put(c, onTick(c.due, c.every()))
	if first := c.lane.waiting.First().At; first < e.sleeping || first <= now {
		e.lookAgain()
	}
	return r, false
}

// giveUp takes a run that did not come back from its deadline for a failure. The
// check fails again each interval until the run comes back.
func (e *Engine) giveUp(c *check, now moment) {
	c.leave()
	if !c.lost {
		c.lost = true
		c.lane.flying--
		c.lane.lost++
		if c.standing != nil {
			return // it asks again
		}
	} else if !e.room() {
		c.due = now + c.spec.Timing.Interval
		e.flights.put(c, c.due)
		return
	}
	e.settle(c, overdue(c.spec.Timing, now-c.started), e.epoch.Add(now))
	c.due = max(next(c.due, c.started, c.every()), now+minInterval)
	e.flights.put(c, c.due)
}

// overdue is the result of a run that did not come back.
func overdue(t Timing, away time.Duration) Result {
	r := failed("the check did not end within " + t.Timeout.String())
	r.Latency = away
	return r
}

// settle counts a result, judged by how late this process was, and tells it.
func (e *Engine) settle(c *check, r Result, end time.Time) {
	e.tell(c, e.judge(c, r, end.Sub(e.epoch)), end)
	e.outbox.signal()
}

// tell counts a result and puts it into the outbox, and returns whether it changed
// anything about the verdict.
func (e *Engine) tell(c *check, r Result, end time.Time) (changed bool) {
	changed = c.tracker.add(c.spec.Timing, r)
	e.tally.result(r)
	t := &c.tracker
	event := Event{
		Key: c.key, At: end, Result: r,
		Verdict: t.verdict, Mode: t.mode, Starting: t.starting, Percent: t.percent,
		Weight: t.weight, MaxConnections: t.most, Reason: t.reason,
		Streak: t.streak, Changed: changed || c.owed != nil,
	}
	if c.standing == nil || e.affords(c, event) {
		e.outbox.put(c, event)
	}
	return changed
}

// deadlineSlack is how late we may notice a deadline, whatever the timeout.
const deadlineSlack = 50 * time.Millisecond

// judge makes a timeout inconclusive that we may have brought about ourselves: where
// this process was stalled for a good part of the run, or just at its deadline, when
// an answer may have been there that nobody got to read.
//
// Where the connection was looked at after the deadline, however late that was, the
// server is known to have been silent: a director that is always late still finds out
// who is dead. One doubt is left, a pause over the deadline that held up the whole
// host, and with it the packets that had come.
func (e *Engine) judge(c *check, r Result, end moment) Result {
	timeout := c.spec.Timing.Timeout
	deadline := c.started + timeout
	if r.Answer != Failure || end < deadline {
		return r
	}
	slack := max(timeout/5, stallNoise)
	if r.Silence >= timeout-slack && e.meter.pause(deadline, end) <= slack {
		return r
	}
	late := e.meter.stalled(c.started, end)
	missed := e.meter.stalled(deadline, end)
	switch {
	case c.lost: // each time it is given up stands for itself
		missed = e.meter.stalled(max(deadline, end-c.spec.Timing.Interval), end)
		late = missed
	case !c.lane.process:
		missed = end - deadline // a process may take its time to die, a connection does not
	}
	if late <= slack && missed <= min(slack, deadlineSlack) {
		return r
	}
	excused := inconclusive("this director was late by " + max(late, missed).Round(time.Millisecond).String() + " itself")
	excused.Latency = r.Latency
	return excused
}
