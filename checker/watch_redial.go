package checker

import "time"

// redial is what a watch without a connection knows about the dials before and to come.
type redial struct {
	began      moment        // when the latest dial began
	deadline   moment        // of that dial, the first answer included where an agent answered
	agents     int           // times that an agent answered to this dial
	from       moment        // from when a pause is counted
	atOnce     bool          // no pause
	ownTrouble bool          // the latest dial failed through this host's own trouble
	bereaved   bool          // the program was up, and nobody has been there since
	pause      time.Duration // the next one, of a server that is down
}

const (
	// redialFloor is how soon after a dial the next may begin where it begins at once: a
	// program that closes each connection must not keep a processor busy.
	redialFloor = 100 * time.Millisecond
	// maxPause bounds the pause between the dials of a server that is down, unless its
	// interval is longer.
	maxPause = 5 * time.Second
)

// redialAt is when to dial again: at once after a connection ended, at the fast interval
// while a verdict is being reached, and more and more seldom when the server is down.
func (w *watch) redialAt(now moment) moment {
	d, t := &w.redial, w.timing
	defer func() { d.atOnce = false }()
	switch {
	case d.ownTrouble:
		return max(now+minInterval, d.from+t.Interval)
	case d.atOnce:
		return max(now, d.began+min(t.FastInterval, redialFloor))
	case w.stands.verdict != Down:
		return max(now+minInterval, d.from+t.FastInterval)
	}
	pause := max(d.pause, t.Interval)
	d.pause = min(pause/2*3, max(t.Interval, min(4*t.Interval, maxPause)))
	return max(now+minInterval, d.from+pause-time.Duration(w.jitter*float64(pause)/5))
}
