package checker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/mainstay-lvs/mainstay/checker/heartbeat"
	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// heartbeatCheck waits for what a server says of itself: it stands in the engine's ledger,
// which judges what is heard.
type heartbeatCheck struct {
	check    heartbeat.Check
	timing   Timing
	fallback probe // polls; nil: there is none

	// Since begin:
	post   post
	handle heartbeat.Handle
}

func prepareHeartbeat(s Spec, o Heartbeat, c Config) (probe, error) {
	key := s.Key()
	h := &heartbeatCheck{timing: s.Timing, check: heartbeat.Check{
		ID: o.ID, Service: o.Service, Secrets: o.Secrets,
		Interval: s.Timing.Interval, Misses: o.Misses,
		Fallback: o.Fallback != nil,
		Seed:     binary.BigEndian.Uint64(key[:8]),
	}}
	if err := h.check.Validate(); err != nil {
		return nil, err
	}
	if o.Fallback == nil {
		return h, nil
	}
	switch {
	case o.Fallback.Mode != Poll:
		return nil, errors.New("the heartbeat's fallback is watched: it can only be polled")
	case len(o.Secrets) > 0 && len(o.Fallback.Secrets) == 0:
		return nil, errors.New("the heartbeat is signed and its fallback is not: give the fallback a secret, or whoever answers in the server's place confirms what is false")
	case s.Target.Port() == 0:
		return nil, fmt.Errorf("the heartbeat's fallback has no port of %s to connect to", s.Target.Addr())
	}
	var err error
	if h.fallback, err = prepareMonitor(s, *o.Fallback, c); err != nil {
		return nil, fmt.Errorf("the heartbeat's fallback: %w", err)
	}
	return h, nil
}

// run polls: a heartbeat can't be asked for.
func (h *heartbeatCheck) run(ctx context.Context, t *transcript) Result {
	if h.fallback == nil {
		return inconclusive("a heartbeat can't be asked for, and the check has no fallback to poll: see what status says of it")
	}
	return h.fallback.run(ctx, t)
}

func (h *heartbeatCheck) begin(p post) {
	h.post = p
	p.engine.hearts.add(h)
}

func (h *heartbeatCheck) end() {
	if h.post.engine != nil {
		h.post.engine.hearts.remove(h)
	}
}

func (h *heartbeatCheck) answered(r Result, at time.Time) { h.post.engine.hearts.polled(h, r, at) }

// letGo gives up what the fallback keeps from poll to poll.
func (h *heartbeatCheck) letGo() {
	if k, ok := h.fallback.(keeper); ok {
		k.letGo()
	}
}

// resultOf is what a finding of the ledger means.
func resultOf(f heartbeat.Finding) Result {
	switch f.Kind {
	case heartbeat.Silent:
		return refused(f.Reason)
	case heartbeat.Unsure:
		return inconclusive(f.Reason)
	}
	line := f.Line
	r := verdictOf(wire.Answer{State: line.State, Weight: line.Weight, Reason: line.Reason})
	r.Instance = wire.FormatInstance(line.Instance)
	switch {
	case f.Reason == "":
	case r.Reason == "":
		r.Reason = "the heartbeat's program " + f.Reason
	default:
		r.Reason += "; its program " + f.Reason
	}
	return r
}
