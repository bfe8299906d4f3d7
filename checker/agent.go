package checker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// agent asks an agent for one line of HAProxy's agent check, and remembers what the
// lines before said.
type agent struct {
	transport
	send    string
	expires time.Duration
	said    agentWords
	now     func() time.Time
}

func prepareAgent(s Spec, o Agent, _ Config) (probe, error) {
	switch {
	case len(o.Send) > wire.MaxLine:
		return nil, fmt.Errorf("%d bytes are to be sent to the agent: at most %d may be", len(o.Send), wire.MaxLine)
	case o.Expires <= 0:
		return nil, fmt.Errorf("expires %s is not above 0", o.Expires)
	}
	t, err := newTransport(s, nil)
	if err != nil {
		return nil, err
	}
	return &agent{transport: t, send: o.Send, expires: o.Expires, now: time.Now}, nil
}

func (p *agent) run(ctx context.Context, t *transcript) Result {
	line, bad := p.ask(ctx, t)
	if line == nil {
		return p.silent(bad)
	}
	said, err := wire.ParseAgent(line)
	if err != nil {
		return p.silent(failed("the agent's line is a " + clean(err.Error())))
	}
	p.said.hear(p.now(), said)
	return p.said.result()
}

// silent is the result where there is no line to go by. What keeps this host from
// asking says nothing about the agent.
func (p *agent) silent(bad Result) Result {
	if bad.Answer == Inconclusive {
		return bad
	}
	return p.said.silent(p.now(), p.expires, bad.Reason)
}

// ask returns one line, which is not nil. Where there is none the result says why.
func (p *agent) ask(ctx context.Context, t *transcript) (line []byte, bad Result) {
	c, bad := p.open(ctx, t)
	if c == nil {
		return nil, bad
	}
	defer c.Close()
	if p.send != "" {
		if _, err := c.Write([]byte(p.send)); err != nil {
			return nil, trouble(err, sending, p.timeout)
		}
	}
	return p.readLine(c)
}

// readLine reads one line. As for HAProxy it ends with a line feed or a carriage
// return, or where the agent closes the connection.
func (p *agent) readLine(c net.Conn) (line []byte, bad Result) {
	b := make([]byte, 0, wire.MaxLine)
	for {
		n, err := c.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if end := bytes.IndexAny(b, "\n\r"); end >= 0 {
			return b[:end], Result{}
		}
		switch {
		case errors.Is(err, io.EOF) && len(b) > 0:
			return b, Result{}
		case err != nil && len(b) > 0:
			return nil, trouble(err, reading, p.timeout)
		case err != nil:
			return nil, trouble(err, answering, p.timeout)
		case len(b) == cap(b):
			return nil, failed(fmt.Sprintf("its line is longer than %d bytes", wire.MaxLine))
		}
	}
}
