package monitor

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// Read reads from the peer. The first byte of a line has the time that await gave it; the rest of the line has its own.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && c.awaited > 0 {
		rest := c.awaited
		c.awaited = 0
		if err := c.SetReadDeadline(time.Now().Add(rest)); err != nil {
			return n, err
		}
	}
	return n, err
}

// await gives the next line patience for its first byte, unless that is there already.
func (c *conn) await(patience time.Duration, begun bool) error {
	if begun {
		c.awaited = 0
		return c.SetReadDeadline(time.Now().Add(lineTime))
	}
	c.awaited = lineTime
	return c.SetReadDeadline(time.Now().Add(patience))
}

// send sends one line and its end.
func (c *conn) send(line []byte) error {
	if err := c.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	_, err := c.Conn.Write(append(line, '\n'))
	return err
}

// part sends a last line, and reads what the peer still has to say, within bounds, so that the line arrives.
func (c *conn) part(line []byte) {
	if c.send(line) != nil {
		return
	}
	if half, ok := c.Conn.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		return
	}
	if c.SetReadDeadline(time.Now().Add(partTime)) == nil {
		_, _ = io.CopyN(io.Discard, c.Conn, partBytes)
	}
}

// converse answers one connection until it ends, by whatever cause, and closes it.
func (m *Monitor) converse(ctx context.Context, c *conn) {
	defer m.room.exit(c)
	defer c.Close()
	lines := wire.NewLineReader(c)
	var pace pace
	for first := true; ; first = false {
		patience := idleTime
		switch {
		case first && m.agent:
			patience = firstByteTime
		case first:
			patience = lineTime
		}
		if c.await(patience, lines.Buffered() > 0) != nil {
			return
		}
		line, err := lines.ReadLine()
		leaving := m.leaving.Load()
		switch {
		case err == nil && first && m.agent && !wire.IsMonitor(line),
			first && m.agent && lines.Buffered() == 0 && errors.Is(err, os.ErrDeadlineExceeded):
			m.room.heard(c)
			c.part(m.agentLine())
			m.room.answered(c, leaving)
			return
		case errors.Is(err, wire.ErrTooLong):
			m.refuse(c, wire.AppendRefusal(nil, err.Error()))
			return
		case err != nil || !pace.wait(ctx):
			return
		}
		answer, wellFormed := m.respond(line)
		if !wellFormed {
			m.refuse(c, answer)
			return
		}
		m.room.heard(c)
		if c.send(answer) != nil {
			return
		}
		m.room.answered(c, leaving)
	}
}

// refuse says what was wrong with a line, and that is the end of the conversation.
func (m *Monitor) refuse(c *conn, answer []byte) {
	m.complain(refused, "monitor request refused", "peer", c.RemoteAddr(), "answer", string(answer))
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

// newConn wraps what a listener accepted.
func newConn(c net.Conn) *conn { return &conn{Conn: c} }
