package checker

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"time"
)

// udp sends one datagram and waits for the reply, or for the target's kernel to say
// that nobody is there. A datagram that is not what is wanted does not end the wait: it
// may be a late answer to an earlier run.
type udp struct {
	target  netip.AddrPort
	timeout time.Duration
	send    []byte
	require bool
	expect  *regexp.Regexp
	bytes   []byte
	mask    []byte
}

func prepareUDP(s Spec, o UDP, _ Config) (probe, error) {
	expects := o.Expect != nil || len(o.ExpectBytes) > 0
	switch {
	case len(o.Send) > maxDatagram:
		return nil, fmt.Errorf("a datagram of %d bytes is to be sent: at most %d fit in one", len(o.Send), maxDatagram)
	case o.Expect != nil && len(o.ExpectBytes) > 0:
		return nil, errors.New("the reply is expected both to match an expression and to begin with bytes: name one")
	case expects && !o.RequireReply:
		return nil, errors.New("a reply is expected but not required: require it")
	case len(o.Mask) > 0 && len(o.ExpectBytes) == 0:
		return nil, errors.New("the reply has a mask and no expected bytes")
	}
	if len(o.ExpectBytes) > 0 {
		if err := (Step{ExpectBytes: o.ExpectBytes, Mask: o.Mask}).validate(); err != nil {
			return nil, fmt.Errorf("the reply %w", err)
		}
	}
	return udp{
		target: s.Target, timeout: s.Timing.Timeout,
		send: o.Send, require: o.RequireReply, expect: o.Expect, bytes: o.ExpectBytes, mask: o.Mask,
	}, nil
}

func (p udp) run(ctx context.Context, t *transcript) Result {
	c, err := dialUDP(ctx, p.target)
	if err != nil {
		return trouble(err, connecting, p.timeout)
	}
	defer c.Close()
	t.addSent(p.send)
	if err := c.send(p.send); err != nil {
		return trouble(err, sending, p.timeout)
	}
	buf := datagrams.Get().(*[]byte)
	defer datagrams.Put(buf)
	got := ""
	for range maxReplies {
		n, err := c.receive(*buf)
		if err != nil {
			return p.without(err, got)
		}
		reply := (*buf)[:n]
		t.addRead(reply)
		if p.wanted(reply) {
			return success()
		}
		got = p.show(reply)
	}
	return failed(fmt.Sprintf("no %s among the first %d replies, got %s", p.want(), maxReplies, got))
}

// without is the result where the wanted reply did not come; got is the last of those
// that came, empty if none did.
func (p udp) without(err error, got string) Result {
	if !p.require && errors.Is(err, os.ErrDeadlineExceeded) {
		return success() // nobody said that the port is closed
	}
	if got == "" {
		return trouble(err, answering, p.timeout)
	}
	r := trouble(err, phase{"before " + p.want(), "no " + p.want()}, p.timeout)
	if r.Answer == Failure {
		r.Reason += ", got " + got
	}
	return r
}

func (p udp) wanted(reply []byte) bool {
	switch {
	case p.expect != nil:
		return p.expect.Match(reply)
	case len(reply) < len(p.bytes):
		return false
	}
	for i, want := range p.bytes {
		if (reply[i]^want)&p.mask[i] != 0 {
			return false
		}
	}
	return true
}

// want is what is wanted, for a reason.
func (p udp) want() string {
	if p.expect != nil {
		return "match for " + clean(p.expect.String())
	}
	return pattern(p.bytes, p.mask)
}

// show is a reply that is not wanted, for a reason.
func (p udp) show(reply []byte) string {
	if p.expect != nil || len(reply) == 0 {
		return excerpt(reply)
	}
	return hex(reply[:min(len(reply), len(p.bytes))])
}
