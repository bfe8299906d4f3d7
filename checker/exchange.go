package checker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"time"
)

// conversation says and expects what its steps say.
type conversation struct {
	transport
	steps []Step
}

func prepareExchange(s Spec, o Exchange, _ Config) (probe, error) {
	if len(o.Steps) == 0 {
		return nil, errors.New("an exchange needs a step at least")
	}
	for i, step := range o.Steps {
		if err := step.validate(); err != nil {
			return nil, fmt.Errorf("step %d %w", i+1, err)
		}
	}
	t, err := newTransport(s, o.TLS)
	if err != nil {
		return nil, err
	}
	return conversation{transport: t, steps: o.Steps}, nil
}

func (s Step) validate() error {
	given := 0
	for _, set := range []bool{len(s.Send) > 0, s.Expect != nil, len(s.ExpectBytes) > 0} {
		if set {
			given++
		}
	}
	notMask := func(b byte) bool { return b != 0x00 && b != 0xff }
	switch {
	case given != 1:
		return fmt.Errorf("sends and expects %d things, not one", given)
	case len(s.Mask) != len(s.ExpectBytes):
		return fmt.Errorf("has a mask of %d bytes for %d expected ones", len(s.Mask), len(s.ExpectBytes))
	case len(s.ExpectBytes) > maxExchange:
		return fmt.Errorf("expects %d bytes: at most %d KiB are read", len(s.ExpectBytes), maxExchange>>10)
	case slices.ContainsFunc(s.Mask, notMask):
		return errors.New("has a mask of other bytes than 00 and ff")
	}
	return nil
}

func (p conversation) run(ctx context.Context, t *transcript) Result {
	c, bad := p.open(ctx, t)
	if c == nil {
		return bad
	}
	defer c.Close()
	in := inbox{conn: c, timeout: p.timeout, effort: maxEffort}
	for i, step := range p.steps {
		r := success()
		switch {
		case step.Expect != nil:
			r = in.expect(step.Expect)
		case len(step.ExpectBytes) > 0:
			r = in.expectBytes(step.ExpectBytes, step.Mask)
		default:
			if _, err := c.Write(step.Send); err != nil {
				r = trouble(err, sending, p.timeout)
			}
		}
		if r.Answer != Success {
			if len(p.steps) > 1 && r.Answer == Failure {
				r.Reason = fmt.Sprintf("step %d: %s", i+1, r.Reason)
			}
			return r
		}
	}
	return success()
}

const (
	maxExchange = 64 << 10 // that are read in all, in bytes
	// maxEffort bounds how much is searched again and again because a server sends
	// byte by byte, in bytes: some 50 ms of work.
	maxEffort = 2 << 20
)

// inbox holds what the server said and no step has consumed yet.
type inbox struct {
	conn    net.Conn
	timeout time.Duration
	unread  []byte
	taken   int // bytes read so far
	effort  int // bytes that may still be searched freely
}

// fill reads some more.
func (in *inbox) fill() error {
	room := min(4<<10, maxExchange-in.taken)
	if room == 0 {
		return errFull
	}
	in.unread = slices.Grow(in.unread, room)
	n, err := in.conn.Read(in.unread[len(in.unread) : len(in.unread)+room])
	in.unread = in.unread[:len(in.unread)+n]
	in.taken += n
	if n > 0 {
		return nil // an error comes again with the next read
	}
	return err
}

var errFull = errors.New("too much was read")

// expect reads until the expression is found, and consumes what it matched and all
// before.
func (in *inbox) expect(want *regexp.Regexp) Result {
	searched := -1 // bytes of unread that hold no match
	for {
		if in.worthwhile(searched) {
			if in.find(want) {
				return success()
			}
			searched = len(in.unread)
		}
		if err := in.fill(); err != nil {
			if len(in.unread) > searched && in.find(want) {
				return success()
			}
			return in.missing(err, "match for "+clean(want.String()))
		}
	}
}

// worthwhile tells whether to search now or to wait for more: as soon as anything
// new is there, until that has cost too much, and then when an eighth was added.
func (in *inbox) worthwhile(searched int) bool {
	if in.effort > 0 {
		return len(in.unread) > searched
	}
	return len(in.unread) > searched+searched/8
}

func (in *inbox) find(want *regexp.Regexp) bool {
	in.effort -= len(in.unread)
	found := want.FindIndex(in.unread)
	if found == nil {
		return false
	}
	in.unread = in.unread[found[1]:]
	return true
}

// expectBytes reads as many bytes as are wanted and compares them.
func (in *inbox) expectBytes(want, mask []byte) Result {
	for {
		n := min(len(want), len(in.unread))
		for i, got := range in.unread[:n] {
			if (got^want[i])&mask[i] != 0 {
				return failed(fmt.Sprintf("expected %s, got %s", pattern(want, mask), hex(in.unread[:n])))
			}
		}
		if n == len(want) {
			in.unread = in.unread[n:]
			return success()
		}
		if err := in.fill(); err != nil {
			return in.missing(err, pattern(want, mask))
		}
	}
}

// missing is the result where no more can be read and what is wanted is not there.
func (in *inbox) missing(err error, want string) Result {
	switch {
	case err == errFull:
		return failed(fmt.Sprintf("no %s in the first %d KiB", want, maxExchange>>10))
	case len(in.unread) == 0 && in.taken == 0:
		return trouble(err, answering, in.timeout)
	}
	r := trouble(err, phase{"before " + want, "no " + want}, in.timeout)
	if r.Answer == Failure && len(in.unread) > 0 {
		r.Reason += ", got " + excerpt(in.unread)
	}
	return r
}

// excerpt quotes the beginning of what a server said.
func excerpt(b []byte) string {
	const most = 40
	if len(b) > most {
		return fmt.Sprintf("%q...", b[:most])
	}
	return fmt.Sprintf("%q", b)
}

// hex writes at most 16 bytes as digits.
func hex(b []byte) string {
	const most = 16
	if len(b) > most {
		return fmt.Sprintf("%x...", b[:most])
	}
	return fmt.Sprintf("%x", b)
}

// pattern writes expected bytes as the configuration file does, ?? for any.
func pattern(want, mask []byte) string {
	text := ""
	for i, b := range want[:min(len(want), 16)] {
		if mask[i] == 0 {
			text += "??"
		} else {
			text += fmt.Sprintf("%02x", b)
		}
	}
	if len(want) > 16 {
		text += "..."
	}
	return text
}
