package monitor

import (
	"sync"
	"time"
)

// pulse is the clock of one sender of heartbeats. It only reckons: what the time is it is told.
type pulse struct {
	interval time.Duration
	start    time.Time // when the first interval began
	base     uint64    // the seq before that of the first interval
	seq      uint64    // the last one that was sent
}

// beat returns the seq of the heartbeat that is sent at now, the number of the interval that has begun, and when the next
// one begins. Whoever comes late has missed some: they are not sent one after the other.
func (p *pulse) beat(now time.Time) (seq uint64, next time.Time) {
	n := max(now.Sub(p.start), 0) / p.interval
	p.seq = p.base + uint64(n) + 1
	return p.seq, p.start.Add((n + 1) * p.interval)
}

// again begins an interval at now, before the last one is over.
func (p *pulse) again(now time.Time) { p.start, p.base = now, p.seq }

// pulses are the senders of heartbeats of a Monitor. No two send for the same id and service, and one that takes the
// place of another goes on with its seq: directors take no line with a lower one.
type pulses struct {
	mu    sync.Mutex
	bySeq map[childKey]*lastSeq
}

// lastSeq is the last seq that was sent for an id and service.
type lastSeq struct {
	seq   uint64
	taken bool
}

func newPulses() pulses { return pulses{bySeq: make(map[childKey]*lastSeq)} }

// begin returns the clock of a sender that begins at now. It is not ok where there is one already.
func (p *pulses) begin(key childKey, interval time.Duration, now time.Time) (clock *pulse, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.bySeq[key]
	if last == nil {
		last = &lastSeq{}
		p.bySeq[key] = last
	}
	if last.taken {
		return nil, false
	}
	last.taken = true
	return &pulse{interval: interval, start: now, base: last.seq, seq: last.seq}, true
}

// end takes back what begin gave.
func (p *pulses) end(key childKey, clock *pulse) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*p.bySeq[key] = lastSeq{seq: clock.seq}
}
