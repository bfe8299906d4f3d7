package monitor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// HeartbeatOptions says whose heartbeats are sent, and where to.
type HeartbeatOptions struct {
	// Service is the service spoken of, one of Options.Services.
	Service string
	// ID names the sender, as the directors' check has it; usually the real server's address:port. 1..128 bytes of
	// printable ASCII.
	ID string
	// Key signs: 32 bytes, which mainstay secret derive makes of the directors' secret and the ID; see ReadKeyFile. Nil:
	// the lines are not signed.
	Key []byte
	// Interval is the time from one heartbeat to the next, whole milliseconds, 10ms..1h; default 1s.
	Interval time.Duration
	// To are the directors and relays that are told, at most 64, each address:port; the usual port is 9652. A name is looked
	// up once, when Heartbeat begins.
	To []string
	// Relay, if there is one in this program, is told without a datagram.
	Relay *Relay
}

// Heartbeat tells directors and relays each interval, by UDP, what they would be answered if they asked. It returns nil
// when ctx ends or the Monitor is closed. A program that leaves says maint at once, and then each interval until it is
// gone, even where the end of ctx is what makes it leave.
//
// Self-checks run only while Serve does: without it, a service that has some is starting. Serve needs no listeners. There
// can be several heartbeats, for one ID and Service one at a time.
//
// The error, which comes at once, names the option that is wrong, or the director's name that can't be looked up, or is
// ErrClosed. Nobody hears whether a heartbeat arrives; what fails to be sent is logged at a limited rate, and sent again as the next one.
func (m *Monitor) Heartbeat(ctx context.Context, o HeartbeatOptions) error {
	if err := m.checkHeartbeat(&o); err != nil {
		return fmt.Errorf("monitor: %w", err)
	}
	select {
	case <-m.life.over:
		return ErrClosed
	default:
	}
	to, err := resolveDirectors(ctx, "HeartbeatOptions.To", o.To, m.log)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("monitor: %w", err)
	}
	defer to.close()
	key := childKey{o.ID, o.Service}
	clock, ok := m.pulses.begin(key, o.Interval, time.Now())
	if !ok {
		return fmt.Errorf("monitor: heartbeats of %s for %s are being sent already", o.ID, o.Service)
	}
	defer m.pulses.end(key, clock)
	h := &heart{m: m, o: o, to: to, clock: clock}
	m.room.pulseBegins()
	defer h.heard()
	h.run(ctx)
	return nil
}

// checkHeartbeat completes the options. The error names the one that is wrong.
func (m *Monitor) checkHeartbeat(o *HeartbeatOptions) error {
	if o.Interval == 0 {
		o.Interval = defaultInterval
	}
	o.Key = bytes.Clone(o.Key)
	if m.byName[o.Service] == nil {
		return fmt.Errorf("HeartbeatOptions.Service is %q, which is none of Options.Services", o.Service)
	}
	if err := checkSender("HeartbeatOptions", o.ID, o.Key); err != nil {
		return err
	}
	if err := checkInterval("HeartbeatOptions.Interval", o.Interval); err != nil {
		return err
	}
	if len(o.To) == 0 && o.Relay == nil {
		return errors.New("HeartbeatOptions.To is empty: name the directors or relays that are to hear")
	}
	return nil
}

// checkSender says what is wrong with the name or the key of a sender.
func checkSender(options, id string, key []byte) error {
	if !wire.ValidName(id) {
		return fmt.Errorf("%s.ID is %q (1..%d bytes of printable ASCII wanted)", options, id, wire.MaxName)
	}
	if key != nil && len(key) != wire.KeySize {
		return fmt.Errorf("%s.Key has %d bytes (%d wanted, as mainstay secret derive makes them)", options, len(key), wire.KeySize)
	}
	return nil
}

// checkInterval says what is wrong with a time that is told to others.
func checkInterval(option string, d time.Duration) error {
	if d < wire.MinInterval || d > wire.MaxInterval || d%time.Millisecond != 0 {
		return fmt.Errorf("%s is %s (whole milliseconds, %s..%s wanted)", option, d,
			wire.FormatInterval(wire.MinInterval), wire.FormatInterval(wire.MaxInterval))
	}
	return nil
}

// heart is one sender of heartbeats at work.
type heart struct {
	m     *Monitor
	o     HeartbeatOptions
	to    directors
	clock *pulse
	told  bool // it has said that the program is leaving
	gone  bool // the room knows
	line  []byte
}

// run sends until there is no more to say.
func (h *heart) run(ctx context.Context) {
	leave, done := h.m.life.leave, ctx.Done()
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-h.m.life.over:
			if !h.told {
				h.beatAgain(next)
			}
			return
		default:
		}
		select {
		case <-next.C:
			h.beat(next)
		case <-leave:
			leave = nil
			h.beatAgain(next)
		case <-done:
			if !h.m.life.ends() {
				return
			}
			done = nil // the program leaves with it, and says so until it is gone
		case <-h.m.life.over:
		}
	}
}

// beatAgain sends what can't wait for the interval's end.
func (h *heart) beatAgain(next *time.Timer) {
	h.clock.again(time.Now())
	h.beat(next)
}

// beat sends one heartbeat, and sets the timer to the next.
func (h *heart) beat(next *time.Timer) {
	seq, at := h.clock.beat(time.Now())
	next.Reset(time.Until(at))
	line, leaving, err := h.compose(h.line[:0], seq)
	if err != nil {
		h.m.noise.complain(unsent, "heartbeat can't be put together", "id", h.o.ID, "service", h.o.Service, "error", err)
		return
	}
	if h.o.Relay != nil {
		h.o.Relay.hear(line)
	}
	h.line = append(line, '\n')
	h.to.send(h.line)
	if leaving {
		h.told = true
		h.heard()
	}
}

// heard lets the program end, once, as far as these heartbeats go.
func (h *heart) heard() {
	if !h.gone {
		h.gone = true
		h.m.room.pulseTold()
	}
}

// compose appends to dst the line that tells where the service stands, signed where there is a key.
func (h *heart) compose(dst []byte, seq uint64) (line []byte, leaving bool, err error) {
	h.m.answering.Lock()
	a, now, changed := h.m.describe(h.o.Service)
	h.m.answering.Unlock()
	changed()
	said := wire.Heartbeat{
		State: a.State, ID: h.o.ID, Service: h.o.Service, Instance: h.m.start, Seq: seq, Interval: h.o.Interval,
		Weight: a.Weight, Conns: a.Conns, Served: a.Served, Failed: a.Failed, Reason: a.Reason,
	}
	if line, err = h.print(dst, said); len(line) >= wire.MaxHeartbeat || errors.Is(err, wire.ErrTooLong) {
		// Names full of quotes leave no room for a reason in a relay's datagram: better none than no heartbeat.
		said.Reason = ""
		line, err = h.print(dst, said)
	}
	return line, now.leaving, err
}

// print appends a heartbeat to dst, signed where there is a key.
func (h *heart) print(dst []byte, said wire.Heartbeat) ([]byte, error) {
	line, err := said.AppendText(dst)
	if err == nil && h.o.Key != nil {
		line, err = wire.SignHeartbeat(line, h.o.Key)
	}
	return line, err
}
