package checker

import (
	"context"
	"sync"
	"time"
)

const (
	// stallTick is how often the meter looks whether it still runs in time.
	stallTick = 20 * time.Millisecond
	// stallNoise is how late it may be before that counts: the scheduling of a busy
	// host, that does no harm to a check.
	stallNoise = 10 * time.Millisecond
	// stallsKept is how many stalls are remembered: ten seconds of them at least.
	stallsKept = 1024
)

// moment is a point in time: so long after the engine was made.
type moment = time.Duration

// stallMeter notices when this process does not get to run: because the host is
// overloaded, its CPU share used up, or the machine paused. What happened to a
// check meanwhile says nothing about its server.
type stallMeter struct {
	mu     sync.Mutex
	on     bool
	last   moment           // when the meter last ran
	stalls [stallsKept]span // a ring
	next   int
	count  uint64
	worst  time.Duration
}

// span is a stretch of time.
type span struct{ from, to moment }

func (s span) within(from, to moment) time.Duration {
	return max(0, min(s.to, to)-max(s.from, from))
}

// run ticks until ctx is done.
func (m *stallMeter) run(ctx context.Context, now func() moment) {
	m.start(now())
	defer m.stop()
	ticker := time.NewTicker(stallTick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			m.tick(now())
		}
	}
}

func (m *stallMeter) start(now moment) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.on, m.last = true, now
}

func (m *stallMeter) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.on = false
}

// tick says that the process runs.
func (m *stallMeter) tick(now moment) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if gap := (span{m.last + stallTick, now}); gap.to-gap.from > stallNoise {
		m.stalls[m.next] = gap
		m.next = (m.next + 1) % stallsKept
		m.count++
		m.worst = max(m.worst, gap.to-gap.from)
	}
	m.last = now
}

// stalled returns for how long the process did not run between from and to, the
// stall that may just have ended, and that the meter has not seen yet, included.
func (m *stallMeter) stalled(from, to moment) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	var sum time.Duration
	for _, s := range m.stalls {
		sum += s.within(from, to)
	}
	if open := (span{m.last + stallTick, to}); m.on && open.to-open.from > stallNoise {
		sum += open.within(from, to)
	}
	return sum
}

// total returns how many stalls there were, and the longest.
func (m *stallMeter) total() (count uint64, worst time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.count, m.worst
}

// pause returns the longest of the stalls that lie over any moment between from and to,
// in its whole length.
func (m *stallMeter) pause(from, to moment) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	var longest time.Duration
	for _, s := range m.stalls {
		if s.from <= to && s.to >= from {
			longest = max(longest, s.to-s.from)
		}
	}
	if open := (span{m.last + stallTick, to}); m.on && open.to-open.from > stallNoise {
		longest = max(longest, open.to-open.from)
	}
	return longest
}
