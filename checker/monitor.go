package checker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// poll asks a program's monitor with MONITOR/1, on a connection that it keeps for the
// next time.
type poll struct {
	target  netip.AddrPort
	timeout time.Duration
	request wire.Request // but for its nonce
	secrets [][]byte
	brief   bool // the next run comes too late for a connection to be kept
	kept    kept
}

func prepareMonitor(s Spec, o Monitor, c Config) (probe, error) {
	p, err := preparePoll(s, o, c.shelf)
	if err != nil || o.Mode == Poll {
		return p, err
	}
	return prepareWatch(s, p)
}

// preparePoll makes a poll ready, or what is asked once in place of a watch.
func preparePoll(s Spec, o Monitor, on *shelf) (*poll, error) {
	if !o.Server.IsValid() {
		return nil, errors.New("the monitor is asked about no real server")
	}
	for i, secret := range o.Secrets {
		if len(secret) == 0 {
			return nil, fmt.Errorf("secret %d is empty", i+1)
		}
	}
	request := wire.Request{Method: wire.Poll, Target: o.Server.String(), Service: o.Service}
	if _, err := request.AppendText(nil); err != nil {
		return nil, fmt.Errorf("the monitor can't be asked: %w", err)
	}
	return &poll{
		target: s.Target, timeout: s.Timing.Timeout, request: request, secrets: o.Secrets,
		brief: s.Timing.Interval >= maxIdle, kept: kept{shelf: on},
	}, nil
}

// letGo closes the connection that is kept, if there is one.
func (p *poll) letGo() { p.kept.end() }

func (p *poll) run(ctx context.Context, t *transcript) Result {
	buf := lineBuffers.Get().(*lineBuffer)
	defer lineBuffers.Put(buf)
	c := p.kept.take(ctx)
	for agents := 0; ; c = nil {
		reused := c != nil
		if !reused {
			var err error
			if c, err = dial(ctx, p.target); err != nil {
				return trouble(err, connecting, p.timeout)
			}
		}
		request, err := appendRequest(buf.request[:0], p.request, len(p.secrets) > 0)
		if err != nil {
			c.Close()
			return inconclusive(err.Error())
		}
		got := p.ask(c, request, buf.answer[:], reused, t)
		r, good := got.bad, false
		if got.line != nil {
			r, good = p.judge(request, got.line)
		}
		if good && !got.more && !p.brief {
			p.kept.put(c)
		} else {
			c.Close()
		}
		switch {
		case got.stale:
			continue
		case agents == 0 && wire.IsAgentLine(got.line):
			// The program takes whoever is slow to ask for HAProxy, and answers in its
			// way. That was us, perhaps: ask once more.
			agents++
			continue
		}
		return r
	}
}

// lineBuffer is room for a request and its answer.
type lineBuffer struct{ request, answer [wire.MaxLine]byte }

var lineBuffers = sync.Pool{New: func() any { return new(lineBuffer) }}

// appendRequest appends a request and its end, with a new nonce where it is to be
// signed. The error is in words for a result.
func appendRequest(to []byte, q wire.Request, signed bool) ([]byte, error) {
	if signed {
		nonce, err := wire.NewNonce(rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("this host gives no random numbers: %s", plain(err))
		}
		q.Nonce = nonce
	}
	to, err := q.AppendText(to)
	if err != nil {
		return nil, fmt.Errorf("the monitor can't be asked: %w", err)
	}
	return append(to, '\n'), nil
}

// reply is what came of a request.
type reply struct {
	line  []byte // the answer without its end; nil: none came
	more  bool   // something came behind it, which nobody asked for
	bad   Result // why none came
	stale bool   // the connection had ended before, which says nothing
}

// ask sends one request and reads one line into buf, which has room for the longest.
func (p *poll) ask(c *conn, request, buf []byte, reused bool, t *transcript) reply {
	n, during, err := c.ask(request, buf, reused)
	if err == errStale {
		return reply{stale: true}
	}
	if err == nil || during != sending {
		t.addSent(request)
	}
	t.addRead(buf[:n])
	for {
		if err != nil {
			return reply{bad: trouble(err, during, p.timeout)}
		}
		line, rest, tooLong := wire.CutLine(buf[:n])
		switch {
		case tooLong != nil:
			return reply{bad: failed(unacceptable(tooLong))}
		case line != nil:
			return reply{line: line, more: len(rest) > 0}
		}
		var m int
		m, err = c.Read(buf[n:])
		t.addRead(buf[n : n+m])
		n += m
	}
}

// judge says what an answer means, and whether it was one that holds in every respect.
func (p *poll) judge(request, answer []byte) (r Result, good bool) {
	if wire.IsAgentLine(answer) {
		return failed(agentInstead), false
	}
	said, err := wire.Accept(request[:len(request)-1], answer, p.request.Service, p.secrets...)
	if err != nil && p.request.Method == wire.Watch {
		return failed(unwatchable(err)), false
	}
	if err != nil {
		return failed(unacceptable(err)), false
	}
	return verdictOf(said), true
}

// agentInstead is the reason where an agent answers and no monitor.
const agentInstead = "answers as an HAProxy agent does, not as a monitor: is this its monitor port?"

// verdictOf is what an answer that holds in every respect means.
func verdictOf(a wire.Answer) Result {
	r := success()
	switch a.State {
	case wire.Down:
		r = refused(saying("down", a.Reason))
		r.Instance = a.Instance
		return r
	case wire.Starting:
		r = refused(saying("starting", a.Reason))
		r.Starting, r.Instance = true, a.Instance
		return r
	case wire.Drain:
		r.Mode, r.Reason = Draining, saying("drain", a.Reason)
	case wire.Maint:
		r.Mode, r.Reason = Maintenance, saying("maint", a.Reason)
	}
	r.Percent, r.Instance = a.Percent(), a.Instance
	if r.Mode == Serving && r.Percent < 100 {
		r.Reason = saying(fmt.Sprintf("up with %d%% of its weight", r.Percent), a.Reason)
	}
	return r
}

func saying(what, reason string) string {
	if reason = clean(reason); reason == "" {
		return "monitor says " + what
	}
	return "monitor says " + what + ": " + reason
}

// unacceptable says why an answer does not count.
func unacceptable(err error) string {
	var refusal *wire.RefusalError
	switch {
	case errors.As(err, &refusal) && refusal.Reason == "nonce wanted":
		return "the program wants signed requests: give the check its secret"
	case errors.As(err, &refusal):
		return clean(err.Error())
	case errors.Is(err, wire.ErrTooLong):
		return fmt.Sprintf("answer is longer than %d bytes", wire.MaxLine)
	case errors.Is(err, wire.ErrNotMonitor):
		return "answer is " + err.Error()
	case errors.Is(err, wire.ErrVersion):
		return "answer has the " + err.Error()
	case errors.Is(err, wire.ErrMalformed):
		return "answer is a " + err.Error()
	case errors.Is(err, wire.ErrBadMAC):
		return "answer's mac is wrong: is the secret the same on both sides?"
	case errors.Is(err, wire.ErrNoMAC):
		return "answer has no mac: does the program have the secret?"
	}
	return err.Error()
}
