package monitor

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// converse answers one connection until it ends, by whatever cause, and closes it.
func (m *Monitor) converse(ctx context.Context, c *conn) {
	defer m.room.exit(c)
	defer c.Close()
	lines := wire.NewLineReader(c)
	var pace pace
	for first := true; ; first = false {
		c.await(m.patience(c, first), lines.Buffered() > 0)
		line, err := m.readLine(c, lines)
		switch {
		case err == nil && first && m.agent && !wire.IsMonitor(line),
			first && m.agent && lines.Buffered() == 0 && errors.Is(err, os.ErrDeadlineExceeded):
			m.room.heard(c)
			leaving := m.leaving.Load()
			c.part(m.agentLine())
			m.room.answered(c, leaving)
			return
		case errors.Is(err, wire.ErrTooLong):
			m.refuse(c, err.Error())
			return
		case err != nil || !pace.wait(ctx):
			return
		}
		request, refusal, wellFormed := m.understand(line, pollAndWatch)
		if !wellFormed {
			m.refuse(c, refusal)
			return
		}
		m.room.heard(c)
		switch {
		case refusal != "":
			err = m.decline(c, refusal)
		case request.Method == wire.Watch:
			err = m.beginWatch(c, line, request)
		default:
			err = m.poll(c, line, request.Service)
		}
		if err != nil {
			return
		}
	}
}

// patience is how long a connection may be silent now; 0 is for as long as it likes, because it hears enough of us to
// end when the peer does.
func (m *Monitor) patience(c *conn, first bool) time.Duration {
	switch {
	case c.watch != nil:
		return 0
	case first && m.agent:
		return firstByteTime
	case first:
		return lineTime
	}
	return idleTime
}

// readLine reads the next line, and meanwhile tells a peer that watches what there is to tell.
func (m *Monitor) readLine(c *conn, lines *wire.LineReader) ([]byte, error) {
	for {
		if err := c.arm(); err != nil {
			return nil, err
		}
		line, err := lines.ReadLine()
		if c.watch == nil || !errors.Is(err, os.ErrDeadlineExceeded) || c.late(time.Now()) {
			return line, err
		}
		if err := m.look(c); err != nil {
			return nil, err
		}
	}
}

// poll gives one answer, and ends a watch.
func (m *Monitor) poll(c *conn, request []byte, service string) error {
	if c.watch != nil {
		c.watch = nil
		m.room.watchesNoMore(c)
	}
	line, now := m.appendAnswer(c.out[:0], request, service)
	if err := c.send(line); err != nil {
		return err
	}
	m.room.answered(c, now.leaving)
	return nil
}

// decline gives no answer to a request that could be one, which changes nothing else.
func (m *Monitor) decline(c *conn, reason string) error {
	leaving := m.leaving.Load()
	if err := c.send(wire.AppendRefusal(c.out[:0], reason)); err != nil {
		return err
	}
	if c.watch == nil { // more it will not hear
		m.room.answered(c, leaving)
	}
	return nil
}

// refuse says what was wrong with a line, and that is the end of the conversation.
func (m *Monitor) refuse(c *conn, reason string) {
	m.room.watchesNoMore(c) // nobody else sets its deadlines from here on
	answer := wire.AppendRefusal(nil, reason)
	m.noise.complain(refused, "monitor request refused", "peer", c.RemoteAddr(), "answer", string(answer))
	c.part(answer)
}

// pace lets maxRate requests pass within a second, so that a peer which asks without end can't keep a processor busy.
type pace struct {
	began time.Time
	n     int
}

// wait returns at once, or at the beginning of the next second. It is false when ctx ended.
func (p *pace) wait(ctx context.Context) bool {
	now := time.Now()
	if now.Sub(p.began) >= time.Second {
		p.began, p.n = now, 0
	}
	if p.n++; p.n <= maxRate {
		return true
	}
	timer := time.NewTimer(time.Second - now.Sub(p.began))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		p.began, p.n = time.Now(), 1
		return true
	}
}
