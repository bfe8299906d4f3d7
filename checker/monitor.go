package checker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// poll asks a program's monitor with MONITOR/1 poll, on a connection of its own.
type poll struct {
	transport
	request wire.Request // but for its nonce
	secrets [][]byte
}

func prepareMonitor(s Spec, o Monitor, _ Config) (probe, error) {
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
	t, err := newTransport(s, nil)
	return &poll{transport: t, request: request, secrets: o.Secrets}, err
}

func (p *poll) run(ctx context.Context, t *transcript) Result {
	for again := false; ; again = true {
		request, answer, bad := p.ask(ctx, t)
		if answer == nil {
			return bad
		}
		// The program takes whoever is slow to ask for HAProxy, and answers in its
		// way. That was us, perhaps: ask once more.
		if wire.IsAgentLine(answer) {
			if again {
				return failed("answers as an HAProxy agent does, not as a monitor: is this its monitor port?")
			}
			continue
		}
		said, err := wire.Accept(request, answer, p.request.Service, p.secrets...)
		if err != nil {
			return failed(unacceptable(err))
		}
		r := verdictOf(said)
		r.Instance = said.Instance
		return r
	}
}

// ask sends one request, with a new nonce where there is a secret, and returns both
// lines. Where there is no answer, the result says why.
func (p *poll) ask(ctx context.Context, t *transcript) (request, answer []byte, bad Result) {
	q := p.request
	if len(p.secrets) > 0 {
		nonce, err := wire.NewNonce(rand.Reader)
		if err != nil {
			return nil, nil, inconclusive("this host gives no random numbers: " + plain(err))
		}
		q.Nonce = nonce
	}
	request, err := q.AppendText(make([]byte, 0, 256))
	if err != nil {
		return nil, nil, inconclusive("the monitor can't be asked: " + err.Error())
	}
	c, bad := p.open(ctx, t)
	if c == nil {
		return nil, nil, bad
	}
	defer c.Close()
	if _, err := c.Write(append(request, '\n')); err != nil {
		return nil, nil, trouble(err, sending, p.timeout)
	}
	answer, bad = p.readLine(c)
	return request, answer, bad
}

func (p *poll) readLine(c net.Conn) (line []byte, bad Result) {
	r := wire.NewLineReader(c)
	line, err := r.ReadLine()
	switch {
	case err == nil:
		return line, Result{}
	case errors.Is(err, wire.ErrTooLong):
		return nil, failed(unacceptable(err))
	case r.Buffered() > 0:
		return nil, trouble(err, reading, p.timeout)
	}
	return nil, trouble(err, answering, p.timeout)
}

// verdictOf is what an answer that holds in every respect means.
func verdictOf(a wire.Answer) Result {
	r := success()
	switch a.State {
	case wire.Down:
		return refused(saying("down", a.Reason))
	case wire.Starting:
		r = refused(saying("starting", a.Reason))
		r.Starting = true
		return r
	case wire.Drain:
		r.Mode, r.Reason = Draining, saying("drain", a.Reason)
	case wire.Maint:
		r.Mode, r.Reason = Maintenance, saying("maint", a.Reason)
	}
	r.Percent = a.Percent()
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
