package checker

import (
	"errors"
	"io"
	"syscall"
	"time"
)

// redial is what a watch without a connection knows about the dials before and to come.
type redial struct {
	began      moment        // when the latest dial began
	deadline   moment        // of that dial, the first answer included where an agent answered
	agents     int           // times that an agent answered to this dial
	from       moment        // from when a pause is counted
	atOnce     bool          // no pause
	atOnceAt   moment        // when a dial last began, or will, without a pause
	ownTrouble bool          // the latest dial failed through this host's own trouble
	bereaved   bool          // the program was up, and nobody has been there since
	dying      time.Duration // the latest pause of a first redial that finds a dying program; 0: none was
	pause      time.Duration // the next one, of a server that is down
}

const (
	// redialFloor is how far apart dials are that begin at once: a program that closes
	// each connection must not keep a processor busy.
	redialFloor = 100 * time.Millisecond
	// maxDying bounds the pause after a redial that finds a dying program. They double from
	// a millisecond on, and come to twice as much.
	maxDying = 64 * time.Millisecond
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
		d.atOnceAt = max(now, d.atOnceAt+min(t.FastInterval, redialFloor))
		return d.atOnceAt
	case w.stands.verdict != Down:
		return max(now+minInterval, d.from+t.FastInterval)
	}
	pause := max(d.pause, t.Interval)
	d.pause = min(pause/2*3, max(t.Interval, min(4*t.Interval, maxPause)))
	return max(now+minInterval, d.from+pause-time.Duration(w.jitter*float64(pause)/5))
}

// isDying tells whether the program that an asked redial lost is one that dies: it may
// take connections while its listener is not closed yet, which takes the longer the more
// others it has open. Such a redial has not really found anybody. It is made again soon,
// for a while, and is no failure.
func (w *watch) isDying(err error) bool {
	d := &w.redial
	broken := errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	if !broken || w.stage != asked || !d.bereaved || w.halfway || d.dying > min(w.timing.FastInterval, maxDying)/2 {
		return false
	}
	d.dying = max(2*d.dying, minInterval)
	return true
}
