package decide

import (
	"math"
	"time"
)

const (
	// maxWeight is the largest weight that is configured, set by an operator or asked
	// for by a check.
	maxWeight = 65535
	// maxThreshold is the largest number of connections that a check can ask for.
	maxThreshold = math.MaxInt32
	// rampStep is how often the weight of a recovered server grows.
	rampStep = time.Second
	// rampStart is the percentage of its weight that a recovered server begins with.
	rampStart = 10
	// rampLimit bounds slow_start so that a weight is worked out exactly in 64 bits.
	rampLimit = 100 * 24 * time.Hour
	// percentPause is the least time between two changes of the percentage or weight
	// that the checks of a server of sh, mh or dh ask for: each moves clients from one
	// server to another.
	percentPause = 10 * time.Second
)

// ramp is the share of its weight that a server gets, part of whole; whole is a
// multiple of 100 and at least 100.
type ramp struct{ part, whole int64 }

// fullRamp is the share of a server that did not recover just now.
var fullRamp = ramp{100, 100}

// percent is the share in percent, rounded down.
func (r ramp) percent() int { return int(r.part * 100 / r.whole) }

// rampAt returns the share of a server so long after its recovery, 10 % at first
// and growing each whole second until it is all, and how long after the recovery
// it grows next; zero: it is all.
func rampAt(elapsed, slowStart time.Duration) (r ramp, grows time.Duration) {
	slowStart = min(slowStart, rampLimit)
	if elapsed >= slowStart || slowStart < time.Millisecond {
		return fullRamp, 0
	}
	step := max(elapsed, 0).Truncate(rampStep)
	r = ramp{
		part:  rampStart*slowStart.Milliseconds() + (100-rampStart)*step.Milliseconds(),
		whole: 100 * slowStart.Milliseconds(),
	}
	return r, min(step+rampStep, slowStart)
}

// weightOf is max(1, floor(w x percent x ramp + 0.5)), and 0 when w or percent is
// 0. It takes a weight of 0..65535 and a percentage of 0..100.
func weightOf(w, percent int, r ramp) int {
	if w == 0 || percent == 0 {
		return 0
	}
	whole := 100 * r.whole
	return int(max(1, (int64(w)*int64(percent)*r.part+whole/2)/whole))
}

// hashes reports whether a scheduler maps clients to servers by a table that each
// change of a weight rebuilds.
func hashes(scheduler string) bool {
	return scheduler == "sh" || scheduler == "mh" || scheduler == "dh"
}

// apply returns the percentage and weight in force where those that checks ask for may
// only change now and then, and when what is wanted may take their place; zero: it is in
// force.
func (a Applied) apply(now time.Time, percent int, weight Optional) (next Applied, due time.Time) {
	want := Applied{Valid: true, Percent: percent, Weight: weight}
	switch {
	case !a.Valid:
		return want, time.Time{}
	case a.Percent == percent && a.Weight == weight:
		return a, time.Time{}
	}
	due = a.Changed.Add(percentPause)
	if a.Changed.After(now) || !due.After(now) {
		want.Changed = now
		return want, time.Time{}
	}
	return a, due
}
