package monitor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

const sender = "192.0.2.21:2222"

// newRelay makes a relay, which tells nobody unless the options say whom.
func newRelay(t testing.TB, o RelayOptions) *Relay {
	t.Helper()
	if o.ID == "" {
		o.ID = "rack7"
	}
	if o.Directors == nil {
		o.Directors = []string{"127.0.0.1:9"}
	}
	r, err := NewRelay(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// newest returns the newest line that the relay has of the sender's service app, and when it came.
func (r *Relay) newest() (said wire.Heartbeat, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.rounds.nursery.children[childKey{sender, "app"}] {
		said, _ = wire.ParseHeartbeat(c.now.line)
		at = c.now.at
	}
	return said, at
}

// ear hears what is sent to a relay.
type ear struct {
	r     *Relay
	began time.Time
	last  time.Time // when the last line came that it has told of
}

func (r *Relay) ear() *ear { return &ear{r: r, began: time.Now()} }

// hears sleeps for d and returns the heartbeats that came until then and were not returned before, one a line: when, seq,
// state and reason.
func (e *ear) hears(d time.Duration) (all []string) {
	for end := time.Now().Add(d); ; time.Sleep(10 * time.Millisecond) {
		synctest.Wait()
		if said, at := e.r.newest(); !at.Equal(e.last) {
			e.last = at
			all = append(all, strings.TrimSpace(fmt.Sprintln(at.Sub(e.began), said.Seq, said.State, said.Reason)))
		}
		if !time.Now().Before(end) {
			return all
		}
	}
}

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// beating runs Heartbeat beside the test and returns where its error will come.
func beating(ctx context.Context, m *Monitor, o HeartbeatOptions) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- m.Heartbeat(ctx, o) }()
	return ended
}

func TestHeartbeatsAreSentEachInterval(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, r := newMonitor(t, Options{}), newRelay(t, RelayOptions{})
		serve(t, m)
		m.SetWeight(80)
		e := r.ear()
		ctx, cancel := context.WithCancel(t.Context())
		ended := beating(ctx, m, HeartbeatOptions{Service: "app", ID: sender, Interval: 500 * time.Millisecond, Relay: r})
		got := e.hears(1200 * time.Millisecond)
		m.SetState(Down, "disk full") // told when the next one is due
		wantLines(t, append(got, e.hears(600*time.Millisecond)...), "0s 1 up", "500ms 2 up", "1s 3 up", "1.5s 4 down disk full")
		said, _ := r.newest()
		want := wire.Heartbeat{
			State: wire.Down, ID: sender, Service: "app", Instance: m.start, Seq: 4, Interval: 500 * time.Millisecond,
			Weight: wire.Some(80), Reason: "disk full",
		}
		if diff := cmp.Diff(want, said); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if answer := m.Answer("app"); answer.Instance != wire.FormatInstance(said.Instance) {
			t.Errorf("the instance of a poll is %s, of a heartbeat %x", answer.Instance, said.Instance)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		wantLines(t, e.hears(time.Minute)) // the program lives on, its heartbeats ended
		// They can begin again, and go on.
		ctx, cancel = context.WithCancel(t.Context())
		ended = beating(ctx, m, HeartbeatOptions{Service: "app", ID: sender, Relay: r})
		wantLines(t, e.hears(0), "1m1.8s 5 down disk full")
		err := m.Heartbeat(t.Context(), HeartbeatOptions{Service: "app", ID: sender, Relay: r})
		if err == nil || err.Error() != "monitor: heartbeats of 192.0.2.21:2222 for app are being sent already" {
			t.Errorf("error %v", err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// A program that leaves says maint at once, and then each interval until it is gone, whatever lets it leave.
func TestHeartbeatsSayThatTheProgramLeaves(t *testing.T) {
	for _, c := range []struct {
		name  string
		leave time.Duration
		polls bool // somebody has been asking, and is waited for
		end   func(m *Monitor, cancel func())
		want  []string
	}{
		{"Close, nobody asks", 0, false, func(m *Monitor, _ func()) { go m.Close() }, []string{"300ms 2 maint the program is stopping"}},
		{"Close", 3500 * time.Millisecond, true, func(m *Monitor, _ func()) { go m.Close() }, []string{
			"300ms 2 maint the program is stopping", "1.3s 3 maint the program is stopping",
			"2.3s 4 maint the program is stopping", "3.3s 5 maint the program is stopping",
		}},
		{"Close, no time to leave", -1, true, func(m *Monitor, _ func()) { go m.Close() }, []string{"300ms 2 maint the program is stopping"}},
		{"the context of both ends", 1500 * time.Millisecond, true, func(_ *Monitor, cancel func()) { cancel() }, []string{
			"300ms 2 maint the program is stopping", "1.3s 3 maint the program is stopping",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m, r, l := newMonitor(t, Options{Leave: c.leave}), newRelay(t, RelayOptions{}), newPipes()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				served := run(ctx, m, l)
				if c.polls {
					l.dial(t).poll()
				}
				e := r.ear()
				ended := beating(ctx, m, HeartbeatOptions{Service: "app", ID: sender, Relay: r})
				wantLines(t, e.hears(300*time.Millisecond), "0s 1 up")
				c.end(m, cancel)
				wantLines(t, e.hears(10*time.Second), c.want...)
				if err := errors.Join(<-ended, <-served); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A Monitor that never served sends, too; Close ends it, with maint.
func TestHeartbeatsWithoutServe(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, r := newMonitor(t, Options{}), newRelay(t, RelayOptions{})
		m.Check("db", func(context.Context) error { return nil })
		e := r.ear()
		o := HeartbeatOptions{Service: "app", ID: sender, Relay: r}
		ended := beating(t.Context(), m, o)
		wantLines(t, e.hears(500*time.Millisecond), "0s 1 starting no result yet of self-check db")
		if err := errors.Join(m.Close(), <-ended); err != nil {
			t.Error(err)
		}
		said, _ := r.newest()
		if said.State != wire.Maint || said.Seq != 2 {
			t.Errorf("the last is %s", said)
		}
		if err := m.Heartbeat(t.Context(), o); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestHeartbeatNamesTheWrongOption(t *testing.T) {
	m, r := newMonitor(t, Options{}), newRelay(t, RelayOptions{})
	good := HeartbeatOptions{Service: "app", ID: sender, Relay: r}
	for want, change := range map[string]func(o *HeartbeatOptions){
		`HeartbeatOptions.Service is "ghost", which is none of Options.Services`: func(o *HeartbeatOptions) { o.Service = "ghost" },
		`HeartbeatOptions.ID is "" (1..128 bytes of printable ASCII wanted)`:     func(o *HeartbeatOptions) { o.ID = "" },
		"HeartbeatOptions.Key has 5 bytes (32 wanted, as mainstay secret derive makes them)": func(o *HeartbeatOptions) {
			o.Key = []byte("short")
		},
		"HeartbeatOptions.Interval is 1ms (whole milliseconds, 10ms..3600s wanted)": func(o *HeartbeatOptions) {
			o.Interval = time.Millisecond
		},
		"HeartbeatOptions.To is empty: name the directors or relays that are to hear": func(o *HeartbeatOptions) { o.Relay = nil },
		`HeartbeatOptions.To has "192.0.2.11": it is not address:port, such as 192.0.2.11:9652 or [2001:db8::11]:9652`: func(o *HeartbeatOptions) {
			o.To = []string{"192.0.2.11"}
		},
		`HeartbeatOptions.To has ":9652": the address is missing before the port`: func(o *HeartbeatOptions) { o.To = []string{":9652"} },
		`HeartbeatOptions.To has "127.0.0.1:x": the port is "x" (1..65535 wanted)`: func(o *HeartbeatOptions) {
			o.To = []string{"127.0.0.1:1", "127.0.0.1:x"}
		},
		"HeartbeatOptions.To has 65 addresses (at most 64 wanted)": func(o *HeartbeatOptions) { o.To = make([]string, 65) },
	} {
		o := good
		change(&o)
		if err := m.Heartbeat(t.Context(), o); err == nil || err.Error() != "monitor: "+want {
			t.Errorf("\n got %v\nwant monitor: %s", err, want)
		}
	}
}

// Names that leave no room for a reason are sent without it.
func TestAHeartbeatAlwaysFits(t *testing.T) {
	long := strings.Repeat(`"`, wire.MaxName)
	m := newMonitor(t, Options{Services: []string{long}})
	m.SetState(Starting, strings.Repeat("x", 1000))
	m.SetWeight(100)
	for _, n := range []*atomic.Uint64{&m.Service(long).counters.served, &m.Service(long).counters.failed} {
		n.Store(1 << 63)
	}
	m.Service(long).counters.conns.Store(math.MaxInt64 - 1)
	m.Service(long).ConnOpened()
	h := heart{m: m, o: HeartbeatOptions{Service: long, ID: long, Key: make([]byte, wire.KeySize), Interval: time.Hour}}
	line, _, err := h.compose(nil, math.MaxUint64)
	if err != nil {
		t.Fatal(err)
	}
	if len(line) >= wire.MaxHeartbeat {
		t.Errorf("%d bytes", len(line))
	}
	if said, err := wire.ParseHeartbeat(line); err != nil || said.State != wire.Starting || said.Reason != "" {
		t.Errorf("%s: %v", said, err)
	}
}

// receiver is a director's socket.
type receiver struct {
	t testing.TB
	c *net.UDPConn
}

func newReceiver(t testing.TB, address string) receiver {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(address)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return receiver{t, c}
}

func (r receiver) address() string { return r.c.LocalAddr().String() }

// datagram waits for the next one.
func (r receiver) datagram() []byte {
	r.t.Helper()
	buf := make([]byte, 2048)
	if err := r.c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		r.t.Fatal(err)
	}
	n, _, err := r.c.ReadFromUDPAddrPort(buf)
	if err != nil {
		r.t.Fatal(err)
	}
	return buf[:n]
}

// heartbeat waits for the next one and reads it.
func (r receiver) heartbeat(keys ...[]byte) wire.Heartbeat {
	r.t.Helper()
	line, err := wire.CutHeartbeat(r.datagram())
	if err != nil {
		r.t.Fatal(err)
	}
	if keys != nil {
		if err := wire.VerifyHeartbeat(line, keys...); err != nil {
			r.t.Fatal(err)
		}
	}
	said, err := wire.ParseHeartbeat(line)
	if err != nil {
		r.t.Fatal(err)
	}
	return said
}

func TestHeartbeatsOverRealSockets(t *testing.T) {
	key := wire.DeriveKey([]byte(secret), sender)
	m := newMonitor(t, Options{Leave: -1})
	serve(t, m)
	four, six := newReceiver(t, "127.0.0.1:0"), newReceiver(t, "[::1]:0")
	ended := beating(t.Context(), m, HeartbeatOptions{
		Service: "app", ID: sender, Key: key, Interval: 20 * time.Millisecond, To: []string{four.address(), six.address()},
	})
	for _, r := range []receiver{four, six} {
		var last uint64
		for range 3 {
			said := r.heartbeat(key)
			if said.State != wire.Up || said.ID != sender || said.Instance != m.start || said.Seq <= last {
				t.Errorf("after seq %d: %s", last, said)
			}
			last = said.Seq
		}
	}
	if err := errors.Join(m.Close(), <-ended); err != nil {
		t.Error(err)
	}
	for _, r := range []receiver{four, six} {
		for said := r.heartbeat(key); said.State != wire.Maint; said = r.heartbeat(key) {
		}
	}
}

// A director that is not there is no reason not to tell the others, and is told when it is there again.
func TestADirectorThatIsGoneIsToldWhenItIsBack(t *testing.T) {
	var log bytes.Buffer
	key := wire.DeriveKey([]byte(secret), sender)
	m := newMonitor(t, Options{Leave: -1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	serve(t, m)
	gone, there := newReceiver(t, "127.0.0.1:0"), newReceiver(t, "127.0.0.1:0")
	address := gone.address()
	gone.c.Close()
	ended := beating(t.Context(), m, HeartbeatOptions{
		Service: "app", ID: sender, Key: key, Interval: 20 * time.Millisecond, To: []string{address, there.address()},
	})
	for range 5 {
		there.heartbeat(key)
	}
	back := newReceiver(t, address)
	first := back.heartbeat(key)
	if next := back.heartbeat(key); next.Seq <= first.Seq {
		t.Errorf("seq %d after %d", next.Seq, first.Seq)
	}
	if err := errors.Join(m.Close(), <-ended); err != nil {
		t.Error(err)
	}
	if n := strings.Count(log.String(), "can't tell a director"); n != 1 || !strings.Contains(log.String(), "director="+address) {
		t.Errorf("said %d times:\n%s", n, &log)
	}
}
