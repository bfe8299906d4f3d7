package checker

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"time"
)

// healthWatch is a standing check of gRPC's health service. It keeps a connection, on
// which Watch tells each change at once, and a Check each interval that all is well
// while nothing changes. Pings of HTTP/2 would not do instead: they say nothing about
// the service, and servers close the connection of a client that sends them more often
// than each few minutes.
//
// The engine runs the Checks; a [healthWatcher] decides when, and watches between them.
type healthWatch struct {
	health
	timing  Timing
	ctx     context.Context // from begin to end; nil: it was not begun
	stop    context.CancelFunc
	results chan heard

	mu   sync.Mutex
	last heard     // of the run at work or before
	link *grpcLink // kept from run to run
	over bool      // nothing is kept any more
}

// heard is how a Check went.
type heard struct {
	result  Result
	at      time.Time
	used    *grpcLink // that it was sent over
	kept    *grpcLink // that is kept; nil: none is
	refused bool      // nobody took the connection
}

func newHealthWatch(h health, t Timing) *healthWatch {
	return &healthWatch{health: h, timing: t, results: make(chan heard, 1)}
}

func (p *healthWatch) begin(to post) {
	p.ctx, p.stop = context.WithCancel(context.Background())
	w := healthWatcher{healthWatch: p, post: to}
	go w.run(spread(to.check.key, p.timing.Interval))
}

func (p *healthWatch) end() { p.stop() }

func (p *healthWatch) answered(r Result, at time.Time) {
	p.mu.Lock()
	h := p.last
	p.mu.Unlock()
	h.result, h.at = r, at
	select {
	case p.results <- h:
	default: // nobody waits for it: it was asked for again meanwhile
	}
}

// run asks by Check, over the link that is kept if there is one. A check that was not
// begun, as it is run once only, keeps none.
func (p *healthWatch) run(ctx context.Context, t *transcript) Result {
	if p.ctx == nil {
		return p.health.run(ctx, t)
	}
	for l := p.current(); ; {
		reused := l != nil
		if !reused {
			var err error
			if l, err = p.health.link(p.ctx); err != nil {
				p.note(nil, false)
				return inconclusive("gRPC can't be spoken: " + plain(err))
			}
			p.keep(l)
		}
		r, answered := p.check(ctx, l, t)
		_, cause := l.state()
		if !answered || !l.usable() {
			p.drop(l)
		}
		if reused && cause == nil && !l.usable() && ctx.Err() == nil {
			l = nil // the server had said goodbye, and was sent nothing
			continue
		}
		p.note(l, errors.Is(cause, syscall.ECONNREFUSED))
		return r
	}
}

// note keeps what a run used, for the watcher.
func (p *healthWatch) note(used *grpcLink, refused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = heard{used: used, kept: p.link, refused: refused}
}

// current returns the link that is kept, nil if there is none of any use.
func (p *healthWatch) current() *grpcLink {
	p.mu.Lock()
	l := p.link
	p.mu.Unlock()
	if l != nil && !l.usable() {
		p.drop(l)
		return nil
	}
	return l
}

// keep keeps a link.
func (p *healthWatch) keep(l *grpcLink) {
	p.mu.Lock()
	over := p.over
	if !over {
		p.link = l
	}
	p.mu.Unlock()
	if over {
		l.close()
	}
}

// drop closes a link, and keeps it no more if it was kept.
func (p *healthWatch) drop(l *grpcLink) {
	p.mu.Lock()
	if p.link == l {
		p.link = nil
	}
	p.mu.Unlock()
	l.close()
}

// dropAll closes the link that is kept, and lets nothing be kept any more.
func (p *healthWatch) dropAll() {
	p.mu.Lock()
	l := p.link
	p.link, p.over = nil, true
	p.mu.Unlock()
	if l != nil {
		l.close()
	}
}
