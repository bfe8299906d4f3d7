package checker

import (
	"context"
	"net/netip"
	"time"
)

// tcp opens a connection and resets it.
type tcp struct {
	target  netip.AddrPort
	timeout time.Duration
}

func prepareTCP(s Spec, _ TCP, _ Config) (probe, error) {
	return tcp{target: s.Target, timeout: s.Timing.Timeout}, nil
}

func (p tcp) run(ctx context.Context, _ *transcript) Result {
	c, err := dial(ctx, p.target)
	if err != nil {
		return trouble(err, connecting, p.timeout)
	}
	c.Close()
	return success()
}
