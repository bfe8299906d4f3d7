package conformance

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// peer is a connection to the program.
type peer struct {
	net.Conn
	t     *trial
	lines *wire.LineReader
	sent  string // what was sent last, for failures
}

// dial connects. The connection is closed when the check is over.
func (t *trial) dial() (*peer, error) {
	d := net.Dialer{Timeout: t.Timeout}
	c, err := d.DialContext(t.ctx, "tcp", t.Address)
	if err != nil {
		return nil, fmt.Errorf("connect to the monitor: %w", err)
	}
	p := &peer{Conn: c, t: t, lines: wire.NewLineReader(c)}
	t.peers = append(t.peers, p)
	return p, nil
}

// hangUp closes the connections of a check.
func (t *trial) hangUp() {
	for _, p := range t.peers {
		p.Close()
	}
	t.peers = nil
}

// send sends bytes as they are.
func (p *peer) send(text string) error {
	p.sent = text
	if err := p.SetWriteDeadline(time.Now().Add(p.t.Timeout)); err != nil {
		return err
	}
	if _, err := io.WriteString(p, text); err != nil {
		return failf("sending %s: %v", show(text), err)
	}
	return nil
}

// errSilent says that nothing came in time; ends is whether the stream ended instead.
var errSilent = errors.New("nothing")

// line reads one line within patience. The error is errSilent, or what ended the stream.
func (p *peer) line(patience time.Duration) (string, error) {
	if err := p.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	line, err := p.lines.ReadLine()
	if errors.Is(err, os.ErrDeadlineExceeded) && p.lines.Buffered() == 0 {
		return "", errSilent
	}
	return string(line), err
}

// answer reads one answer, which has to be there within the timeout, and be well formed.
func (p *peer) answer() (wire.Answer, string, error) {
	line, err := p.line(p.t.Timeout)
	if err != nil {
		return wire.Answer{}, "", failf("sent %s, read %s, wanted an answer within %s", show(p.sent), said(err), p.t.Timeout)
	}
	a, err := judge(line)
	if err != nil {
		if f, ok := errors.AsType[*failure](err); ok {
			f.text = fmt.Sprintf("sent %s, %s", show(p.sent), f.text)
		}
		return wire.Answer{}, line, err
	}
	return a, line, nil
}

// ask sends a line and reads its answer.
func (p *peer) ask(request string) (wire.Answer, string, error) {
	if err := p.send(request + "\n"); err != nil {
		return wire.Answer{}, "", err
	}
	p.sent = request
	return p.answer()
}

// ask does so on a connection of its own.
func (t *trial) ask(request string) (wire.Answer, string, error) {
	p, err := t.dial()
	if err != nil {
		return wire.Answer{}, "", err
	}
	defer p.Close()
	return p.ask(request)
}

// ends reads until the stream ends, and fails where it has not within patience.
func (p *peer) ends(patience time.Duration) error {
	if err := p.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, p.Conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return failf("sent %s, and %s later the connection is still open", show(p.sent), patience)
	}
	return nil // reset is an end as well
}

// said is what came instead of a line.
func said(err error) string {
	switch {
	case errors.Is(err, errSilent):
		return "nothing"
	case errors.Is(err, io.EOF):
		return "the end of the connection"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "a line without its end"
	}
	return fmt.Sprint(err)
}

// judged are the clauses that are judged with the first answer that breaks them.
var judged = []string{"1.3", "1.9", "2.3", "2.4", "2.5", "2.8", "4.7"}

// judge reads an answer that has to give a state. The failure names the clause that it breaks, where that is clear.
func judge(line string) (wire.Answer, error) {
	a, err := wire.ParseAnswer([]byte(line))
	if err == nil {
		return a, nil
	}
	f := &failure{text: fmt.Sprintf("read %s: %v", show(line), err)}
	l, malformed := wire.ParseLine([]byte(line))
	if malformed != nil {
		for i := range len(line) {
			if line[i] < 0x20 || line[i] > 0x7e {
				f.clause, f.title = "1.3", "a line is printable ASCII"
			}
		}
		return a, f
	}
	if l.Protocol != "MONITOR/1" || l.Verb == "error" {
		return a, f
	}
	for _, key := range []string{"seq", "weight", "conns", "served", "failed"} {
		if _, err := l.Number(key); err != nil {
			f.clause, f.title = "1.9", "numbers are unsigned, of 64 bits, in decimal digits"
			return a, f
		}
	}
	has := func(key string) bool { _, given := l.Get(key); return given }
	switch weight, _ := l.Number("weight"); {
	case !has("service"):
		f.clause, f.title = "2.3", "an answer names the service that was asked for"
	case !has("instance"):
		f.clause, f.title = "2.4", "an answer names the instance"
	case !has("seq"):
		f.clause, f.title = "2.5", "an answer has a seq"
	case weight.Value > 100:
		f.clause, f.title = "2.8", "a weight is 0 to 100"
	case has("mac") && wire.State(l.Verb).Valid():
		f.clause, f.title = "4.7", "the mac is the last field, 64 lower-case hex digits without quotes"
	}
	return a, f
}

// isError tells whether a line is the answer MONITOR/1 error.
func isError(line string) bool {
	_, err := wire.ParseAnswer([]byte(line))
	_, ok := errors.AsType[*wire.RefusalError](err)
	return ok
}
