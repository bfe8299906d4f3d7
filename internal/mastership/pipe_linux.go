package mastership

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// pipe is the process's end of the socket pair to the daemon. It never waits.
type pipe struct {
	fd     int
	in     []byte // read and not yet a line
	out    []byte // not yet written
	broken bool   // the daemon is gone
}

// maxUnsent bounds what waits for a daemon that does not read: beyond it reports are
// dropped, but for the answers to its orders.
const maxUnsent = 1 << 20

// orders reads all messages that are there. An end of the pipe marks it as broken.
func (p *pipe) orders() ([]Order, error) {
	var buf [64 << 10]byte
	for !p.broken {
		n, err := unix.Read(p.fd, buf[:])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return p.lines()
		case err != nil, n == 0:
			p.broken = true
		default:
			p.in = append(p.in, buf[:n]...)
			if len(p.in) > maxMessage {
				p.broken = true
			}
		}
	}
	return p.lines()
}

func (p *pipe) lines() (orders []Order, err error) {
	for {
		line, rest, whole := bytes.Cut(p.in, []byte("\n"))
		if !whole {
			return orders, err
		}
		var o Order
		if e := json.Unmarshal(line, &o); e != nil {
			err = errors.Join(err, fmt.Errorf("an order of the daemon is not understood: %w", e))
		} else {
			orders = append(orders, o)
		}
		p.in = rest
	}
}

// report queues a report and writes what can be written. One that is only news is
// dropped where the daemon does not read.
func (p *pipe) report(r Report, news bool) (dropped bool) {
	if p.broken || news && len(p.out) > maxUnsent {
		return true
	}
	line, err := encode(r)
	if err != nil {
		return true
	}
	p.out = append(p.out, line...)
	p.flush()
	return false
}

// flush writes what the socket takes now.
func (p *pipe) flush() {
	for len(p.out) > 0 && !p.broken {
		n, err := unix.Write(p.fd, p.out)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return
		case err != nil:
			p.broken = true
		default:
			p.out = p.out[n:]
		}
	}
	if len(p.out) == 0 {
		p.out = nil
	}
}
