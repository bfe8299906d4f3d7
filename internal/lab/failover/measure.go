package main

import (
	"time"

	"github.com/mainstay-lvs/mainstay/internal/lab"
	"github.com/mainstay-lvs/mainstay/internal/lab/pair"
)

// sample is what the runs of one row came to.
type sample struct {
	outages   []time.Duration
	takeovers []time.Duration // from the old master's last word to the new one's first
	lost      int             // pings never answered, at most, of those of one run
	noise     time.Duration   // the worst
}

// measure sets a pair up and has the events happen to it by turns. There is one sample
// for each event.
func measure(t lab.T, s series, runs int) []*sample {
	p := pair.New(t, s.router(), pair.Member{Program: s.master, Priority: high}, pair.Member{Program: s.peer, Priority: low})
	a, b := p.Directors[0], p.Directors[1]
	a.Start()
	b.Start()
	samples := make([]*sample, len(s.events))
	for i := range samples {
		samples[i] = &sample{}
	}
	for range runs {
		for i, e := range s.events {
			from, to := a, b
			if e.back {
				from, to = b, a
			}
			samples[i].add(once(p, e, from, to))
			if e.undo != nil {
				e.undo(p, a)
			}
		}
	}
	return samples
}

// once measures one event that has one director lose the addresses to another.
func once(p *pair.Pair, e event, from, to *pair.Director) (pair.Pinged, time.Duration) {
	settle(p, from)
	ping := p.Ping()
	// Right after an advertisement is the worst moment to go.
	mark := p.Mark()
	p.Sees(mark, from, pair.Advertises, from.Priority)
	mark = p.Mark()
	e.happen(p, p.Directors[0], p.Directors[1])
	first := p.Sees(mark, to, pair.Advertises, to.Priority)
	p.Holds(to)
	if e.lingers == nil || !e.lingers(from.Program) {
		p.Bare(from)
	}
	return ping.Stop(), first.At.Sub(lastWord(p, from, first.At))
}

// settle waits until a director alone holds the addresses, and the others have heard it
// say so.
func settle(p *pair.Pair, master *pair.Director) {
	p.Holds(master)
	for _, d := range p.Directors {
		if d != master {
			p.Bare(d)
		}
	}
	p.Sees(p.Mark(), master, pair.Advertises, master.Priority)
}

// lastWord is when a director advertised last before a time, with whatever priority.
func lastWord(p *pair.Pair, d *pair.Director, before time.Time) time.Time {
	last := before
	for _, e := range p.Since(0) {
		if e.Director == d && e.What == pair.Advertises && e.At.Before(before) {
			last = e.At
		}
	}
	return last
}

func (s *sample) add(pinged pair.Pinged, takeover time.Duration) {
	s.outages = append(s.outages, pinged.Outage)
	s.takeovers = append(s.takeovers, takeover)
	s.lost = max(s.lost, pinged.Lost)
	s.noise = max(s.noise, pinged.Noise)
}
