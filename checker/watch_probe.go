package checker

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// watching is the probe of a watched monitor: the engine's loop of watches does the
// work.
type watching struct {
	spec Spec
	asks *poll // once, for people to look at
	w    *watcher
}

func prepareWatch(s Spec, p *poll) (probe, error) {
	for _, interval := range []time.Duration{s.Timing.Interval, s.Timing.FastInterval} {
		if interval < wire.MinInterval || interval > wire.MaxInterval || interval%time.Millisecond != 0 {
			return nil, fmt.Errorf("interval %s is not one that a program can be watched in: whole milliseconds from %s to %s",
				interval, wire.MinInterval, wire.MaxInterval)
		}
	}
	p.request.Method, p.request.Interval, p.brief = wire.Watch, s.Timing.Interval, true
	return &watching{spec: s, asks: p}, nil
}

// run takes the first answer to a watch.
func (p *watching) run(ctx context.Context, t *transcript) Result { return p.asks.run(ctx, t) }

func (p *watching) begin(to post) { p.w = to.engine.watches.add(p, to) }

func (p *watching) end() { p.w.post.engine.watches.remove(p.w) }

// answered does nothing: a watch asks for no runs.
func (p *watching) answered(Result, time.Time) {}

// newWatch makes the state of a watched server.
func (p *watching) newWatch(key Key, keys keyring) watch {
	w := watch{
		timing:  p.spec.Timing,
		service: p.asks.request.Service,
		jitter:  float64(binary.BigEndian.Uint32(key[16:20])) / (1 << 32),
		due:     never,
	}
	if secrets := p.asks.secrets; len(secrets) > 0 {
		w.verify = keys.verifier(secrets)
	}
	return w
}
