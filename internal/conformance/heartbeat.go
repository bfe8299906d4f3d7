package conformance

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

const (
	// beats is how many heartbeats are judged; longest is how long they are waited for at most.
	beats        = 6
	longest      = 30 * time.Second
	maxHeartbeat = 800
)

// heartbeatChecks are section 7, heartbeats.
var heartbeatChecks = []check{
	{clause: "7.5", title: "a heartbeat is sent each interval", when: withHeartbeats, try: cadence},
	{clause: "7.1", title: "a datagram is one well-formed line and its end", when: withHeartbeats, needs: []string{"7.5"}, try: heartbeatFormat},
	{clause: "7.3", title: "the instance is the one that polls are answered with", when: withHeartbeats, needs: []string{"7.5", "7.1"}, try: heartbeatInstance},
	{clause: "7.4", title: "seq grows by one from each heartbeat to the next", when: withHeartbeats, needs: []string{"7.5", "7.1"}, try: heartbeatSeq},
	{clause: "7.8", title: "a heartbeat has no age", when: withHeartbeats, needs: []string{"7.5", "7.1"}, try: heartbeatAge},
	{clause: "7.9", title: "a heartbeat has at most 800 bytes", should: true, when: withHeartbeats, needs: []string{"7.5"}, try: heartbeatSize},
	{clause: "7.14", title: "the mac is HMAC-SHA256 with the id's key", when: withHeartbeatKey, needs: []string{"7.5", "7.1", "7.8"}, try: heartbeatMAC},
}

// heard is a datagram.
type heard struct {
	text []byte
	at   time.Time
}

// ear gathers the datagrams of the program while the rest is tried.
type ear struct {
	socket  net.PacketConn
	stopped chan struct{}

	mu    sync.Mutex
	heard []heard
	more  chan struct{} // one came; capacity 1
}

// listen begins to gather, where there are heartbeats.
func listen(o Options) *ear {
	e := &ear{socket: o.Heartbeats, stopped: make(chan struct{}), more: make(chan struct{}, 1)}
	if e.socket == nil {
		close(e.stopped)
		return e
	}
	go e.gather()
	return e
}

// maxHeard bounds what is kept of a sender that sends without end.
const maxHeard = 10_000

func (e *ear) gather() {
	defer close(e.stopped)
	buf := make([]byte, wire.MaxDatagram+1)
	for {
		n, _, err := e.socket.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) || isTimeout(err) {
			return
		}
		if err != nil {
			continue
		}
		e.mu.Lock()
		if len(e.heard) < maxHeard {
			e.heard = append(e.heard, heard{append([]byte(nil), buf[:n]...), time.Now()})
		}
		e.mu.Unlock()
		select {
		case e.more <- struct{}{}:
		default:
		}
	}
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

// stop ends the gathering and leaves the socket as it was.
func (e *ear) stop() {
	if e.socket != nil {
		_ = e.socket.SetReadDeadline(time.Now())
	}
	<-e.stopped
	if e.socket != nil {
		_ = e.socket.SetReadDeadline(time.Time{})
	}
}

// of returns what was heard so far of the sender with the id. What can't be read counts as its own, since nobody can
// tell.
func (e *ear) of(id string) []heard {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []heard
	for _, h := range e.heard {
		if b, err := parseBeat(h.text); err != nil || id == "" || b.ID == id {
			all = append(all, h)
		}
	}
	return all
}

// parseBeat reads a heartbeat however its datagram ends.
func parseBeat(datagram []byte) (wire.Heartbeat, error) {
	line, _, err := wire.CutLine(datagram)
	if err != nil || line == nil {
		return wire.Heartbeat{}, errors.New("there is no line")
	}
	return wire.ParseHeartbeat(line)
}

// interval is what the first readable heartbeat says it is, 1s where there is none.
func interval(all []heard) time.Duration {
	for _, h := range all {
		if b, err := parseBeat(h.text); err == nil {
			return b.Interval
		}
	}
	return time.Second
}

// cadence judges heartbeats that come while nothing else is tried. It allows for a machine that is busy: it fails only
// when it has failed three times.
func cadence(t *trial) error {
	var err error
	for range 3 {
		var some []heard
		if some, err = t.someBeats(); err != nil {
			return err
		}
		if err = t.regular(some); err == nil {
			break
		}
	}
	return err
}

// someBeats waits for some heartbeats, and fails where there are not even two.
func (t *trial) someBeats() ([]heard, error) {
	deadline := time.NewTimer(longest)
	defer deadline.Stop()
	before := len(t.ear.of(t.HeartbeatID))
	for {
		all := t.ear.of(t.HeartbeatID)[before:]
		if len(all) >= beats {
			return all, nil
		}
		select {
		case <-t.ctx.Done():
			return nil, t.ctx.Err()
		case <-deadline.C:
			if len(all) < 2 {
				return nil, failf("in %s %d heartbeats came%s, wanted one each interval", longest, len(all), t.others())
			}
			return all, nil
		case <-t.ear.more:
		}
	}
}

// others says whose heartbeats came instead.
func (t *trial) others() string {
	for _, h := range t.ear.of("") {
		if b, err := parseBeat(h.text); err == nil && b.ID != t.HeartbeatID {
			return fmt.Sprintf(" of %s, but %s", t.HeartbeatID, show(h.text))
		}
	}
	return ""
}

// regular holds the times against the interval; one that the state's change brought early is no matter, and a busy
// machine may make one late.
func (t *trial) regular(all []heard) error {
	each := interval(all)
	for i := 1; i < len(all); i++ {
		if gap := all[i].at.Sub(all[i-1].at); gap > 2*each+t.Timeout/4 {
			return failf("%s after a heartbeat came the next, %s, wanted one each interval", gap.Round(time.Millisecond), show(all[i].text))
		}
	}
	took := all[len(all)-1].at.Sub(all[0].at)
	// Ten a second may come early, and all may be an interval late.
	if most := int(took/each) + int(took/(100*time.Millisecond)) + 3; len(all) > most {
		return failf("%d heartbeats came in %s, wanted one each %s", len(all), took.Round(time.Millisecond), each)
	}
	if least := int(took/each)*3/4 - 1; len(all) < least {
		return failf("%d heartbeats came in %s, wanted one each %s", len(all), took.Round(time.Millisecond), each)
	}
	return nil
}

// each hands out what was heard, with the line's bytes.
func (t *trial) each(see func(b wire.Heartbeat, line []byte) error) error {
	for _, h := range t.ear.of(t.HeartbeatID) {
		line, _, err := wire.CutLine(h.text)
		if err != nil || line == nil {
			continue
		}
		b, err := wire.ParseHeartbeat(line)
		if err != nil {
			continue
		}
		if err := see(b, line); err != nil {
			return err
		}
	}
	return nil
}

func heartbeatFormat(t *trial) error {
	for _, h := range t.ear.of(t.HeartbeatID) {
		line, err := wire.CutHeartbeat(h.text)
		if err != nil {
			return failf("read the datagram %s: %v", show(h.text), err)
		}
		if _, err := wire.ParseHeartbeat(line); err != nil {
			return failf("read %s: %v", show(line), err)
		}
	}
	return nil
}

func heartbeatInstance(t *trial) error {
	a, answer, err := t.ask(t.poll(t.Service))
	if err != nil {
		return err
	}
	return t.each(func(b wire.Heartbeat, line []byte) error {
		if wire.FormatInstance(b.Instance) != a.Instance {
			return failf("read the heartbeat %s and the answer %s, wanted the same instance", show(line), show(answer))
		}
		return nil
	})
}

// heartbeatSeq allows for those that were lost on their way or left out: then as many intervals have passed.
func heartbeatSeq(t *trial) error {
	all := t.ear.of(t.HeartbeatID)
	each := interval(all)
	var first, before wire.Heartbeat
	var began time.Time
	came := 0 // after the first
	for _, h := range all {
		b, err := parseBeat(h.text)
		if err != nil {
			continue
		}
		if began.IsZero() {
			first, before, began = b, b, h.at
			continue
		}
		came++
		if b.Seq <= before.Seq {
			return failf("read %s after the seq %d, wanted %d", show(h.text), before.Seq, before.Seq+1)
		}
		missing := int((h.at.Sub(began)+each/2)/each) - came
		if skipped := b.Seq - first.Seq - uint64(came); skipped > uint64(max(missing, 0))+1 {
			return failf("read %s after the seq %d, wanted %d", show(h.text), before.Seq, before.Seq+1)
		}
		before = b
	}
	return nil
}

func heartbeatAge(t *trial) error {
	return t.each(func(b wire.Heartbeat, line []byte) error {
		if b.Age.Given {
			return failf("read %s, wanted no age", show(line))
		}
		return nil
	})
}

func heartbeatSize(t *trial) error {
	return t.each(func(_ wire.Heartbeat, line []byte) error {
		if len(line) > maxHeartbeat {
			return failf("read %s, wanted %d bytes at most", show(line), maxHeartbeat)
		}
		return nil
	})
}

func heartbeatMAC(t *trial) error {
	return t.each(func(_ wire.Heartbeat, line []byte) error {
		if err := wire.VerifyHeartbeat(line, t.HeartbeatKey); err != nil {
			return failf("read %s: %v", line, err)
		}
		return nil
	})
}
