package monitor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// relaying runs a relay on a loopback socket and returns its address. At the end of the test it must end without error.
func relaying(t testing.TB, r *Relay) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- r.Serve(ctx, c) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return c.LocalAddr().String()
}

// round reads datagrams until one round of the relay has come whole, and returns its children by id.
func (r receiver) round() (first wire.Relay, children map[string]wire.Heartbeat) {
	r.t.Helper()
	for parts := 0; ; {
		p := readPart(r.t, 0, r.datagram())
		if p.Seq != first.Seq || children == nil {
			first, children, parts = p.Relay, map[string]wire.Heartbeat{}, 0
		}
		for _, c := range p.children {
			children[c.ID] = c
		}
		if parts++; parts == p.Parts {
			return first, children
		}
	}
}

func TestARelayCarriesHeartbeatsToEachDirector(t *testing.T) {
	one, two := newReceiver(t, "127.0.0.1:0"), newReceiver(t, "[::1]:0")
	r := newRelay(t, RelayOptions{
		ID: "rack7", Key: relayKey, Cadence: 20 * time.Millisecond, Directors: []string{one.address(), two.address()},
	})
	address := relaying(t, r)
	m := newMonitor(t, Options{Leave: -1})
	serve(t, m)
	own := newMonitor(t, Options{Leave: -1}) // the program that the relay is in
	serve(t, own)
	beats := []<-chan error{
		beating(t.Context(), m, HeartbeatOptions{
			Service: "app", ID: "a", Key: childKeyOf("a"), Interval: 20 * time.Millisecond, To: []string{address},
		}),
		beating(t.Context(), own, HeartbeatOptions{
			Service: "app", ID: "own", Key: childKeyOf("own"), Interval: 20 * time.Millisecond, Relay: r,
		}),
	}
	for _, director := range []receiver{one, two} {
		var first, last wire.Heartbeat
		var round uint64
		for last.Seq < first.Seq+3 || last.Seq < 3 {
			said, children := director.round()
			if said.ID != "rack7" || said.Seq <= round {
				t.Fatalf("after round %d: %+v", round, said)
			}
			round = said.Seq
			if c, there := children["a"]; there && children["own"].State == wire.Up {
				if first.Seq == 0 {
					first = c
				}
				last = c
			}
		}
		if last.State != wire.Up || last.Instance != m.start {
			t.Errorf("the last is %s", last)
		}
	}
	if err := errors.Join(m.Close(), own.Close(), <-beats[0], <-beats[1]); err != nil {
		t.Error(err)
	}
	for { // and so the leaving arrives
		if _, children := one.round(); children["a"].State == wire.Maint && children["own"].State == wire.Maint {
			break
		}
	}
	s := r.Stats()
	if s.Children != 2 || s.Lines != 2 || s.Received < 8 || s.Sent < 4 || s.Rounds < 4 {
		t.Errorf("%+v", s)
	}
}

func TestARelayCountsWhatItDrops(t *testing.T) {
	director := newReceiver(t, "127.0.0.1:0")
	r := newRelay(t, RelayOptions{Key: relayKey, Cadence: 10 * time.Millisecond, Directors: []string{director.address()}})
	c, err := net.Dial("udp", relaying(t, r))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	relays := "RELAY/1 id=b instance=0000000000000001 seq=1 interval=1s part=1/1 children=0\n"
	good := string(beatLine(t, "a", 5, 5, "", childKeyOf("a"))) + "\n"
	for _, datagram := range []string{relays, relays, "nonsense\n", good, good} {
		if _, err := c.Write([]byte(datagram)); err != nil {
			t.Fatal(err)
		}
	}
	for {
		if _, children := director.round(); children["a"].Seq == 5 && r.Stats().Received == 5 {
			break
		}
	}
	got := r.Stats().Dropped
	maps.DeleteFunc(got, func(_ string, n uint64) bool { return n == 0 })
	if diff := cmp.Diff(map[string]uint64{"from-relay": 2, "not-heartbeat": 1, "old": 1}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(r.Stats().Dropped) != int(drops)-1 {
		t.Errorf("%v", r.Stats().Dropped)
	}
}

func TestRelayLogsAtALimitedRate(t *testing.T) {
	var log bytes.Buffer
	r := newRelay(t, RelayOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for range 1000 {
		r.keep([]byte("RELAY/1\n"), here)
		r.keep([]byte("nonsense\n"), here)
	}
	for what, times := range map[string]int{
		"relay was sent a relay's datagram: relays tell directors only": 1, "relay was sent what it can't pass on": 1,
		"from=192.0.2.21": 2, "why=not-heartbeat": 1,
	} {
		if n := strings.Count(log.String(), what); n != times {
			t.Errorf("%q is in the log %d times, wanted %d:\n%s", what, n, times, &log)
		}
	}
}

func TestNewRelayNamesTheWrongOption(t *testing.T) {
	good := RelayOptions{ID: "rack7", Directors: []string{"127.0.0.1:9"}}
	for want, change := range map[string]func(o *RelayOptions){
		`RelayOptions.ID is "" (1..128 bytes of printable ASCII wanted)`:                 func(o *RelayOptions) { o.ID = "" },
		"RelayOptions.Key has 0 bytes (32 wanted, as mainstay secret derive makes them)": func(o *RelayOptions) { o.Key = []byte{} },
		"RelayOptions.Cadence is 1.5µs (whole milliseconds, 10ms..3600s wanted)":         func(o *RelayOptions) { o.Cadence = 1500 },
		"RelayOptions.Directors is empty: name the directors that are to hear":           func(o *RelayOptions) { o.Directors = nil },
	} {
		o := good
		change(&o)
		if r, err := NewRelay(o); err == nil || err.Error() != "monitor: "+want || r != nil {
			t.Errorf("\n got %v\nwant monitor: %s", err, want)
		}
	}
}

func TestRelayServe(t *testing.T) {
	r := newRelay(t, RelayOptions{Directors: []string{"127.0.0.1"}})
	want := `monitor: RelayOptions.Directors has "127.0.0.1": it is not address:port, such as 192.0.2.11:9652 or [2001:db8::11]:9652`
	if err := r.ListenAndServe(t.Context(), "127.0.0.1:0"); err == nil || err.Error() != want {
		t.Errorf("error %v", err)
	}
	taken := newReceiver(t, "127.0.0.1:0")
	if err := r.ListenAndServe(t.Context(), taken.address()); err == nil || !strings.HasPrefix(err.Error(), "monitor: listen udp 127.0.0.1:") {
		t.Errorf("on a port that is taken: %v", err)
	}

	director := newReceiver(t, "127.0.0.1:0")
	r = newRelay(t, RelayOptions{Key: relayKey, Cadence: 10 * time.Millisecond, Directors: []string{director.address()}})
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- r.ListenAndServe(ctx, "127.0.0.1:0") }()
	director.round()
	other := newReceiver(t, "127.0.0.1:0")
	if err := r.Serve(t.Context(), other.c); err == nil || err.Error() != "monitor: the relay serves already, on another socket" {
		t.Errorf("error %v", err)
	}
	if err := other.c.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the socket is left open: %v", err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	// It can serve again. The socket is its own: whoever else closes it has its error.
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { served <- r.Serve(t.Context(), c) }()
	director.round()
	c.Close()
	want = fmt.Sprintf("monitor: the relay's socket on %s was closed by somebody else: ", c.LocalAddr())
	if err := <-served; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %v", err)
	}
}

// packets is a socket of another kind, whose reads are a script: where from, or an error.
type packets struct {
	net.PacketConn
	script []any
	done   func()
}

func (p *packets) ReadFrom(buf []byte) (int, net.Addr, error) {
	if len(p.script) == 0 {
		p.done()
		return 0, nil, net.ErrClosed
	}
	next := p.script[0]
	p.script = p.script[1:]
	if err, is := next.(error); is {
		return 0, nil, err
	}
	return copy(buf, "RELAY/1\n"), next.(net.Addr), nil
}

func (p *packets) LocalAddr() net.Addr { return &net.UnixAddr{Name: "script"} }
func (p *packets) Close() error        { return nil }

// An error of a socket is no end, and a socket need not be one of UDP.
func TestReceivingIsTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRelay(t, RelayOptions{})
		run, cancel := context.WithCancel(t.Context())
		failing := errors.New("no buffer space available")
		p := &packets{script: []any{failing, failing, &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 7}, failing, &net.UnixAddr{}}, done: cancel}
		began := time.Now()
		if err := r.receive(run, p); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 20*time.Millisecond || r.Stats().Received != 2 {
			t.Errorf("%d datagrams after %s", r.Stats().Received, took)
		}
	})
}

// Any datagrams, from anywhere, in any order: what is kept can be sent, and every datagram sent is one that a director can
// read.
func FuzzRelay(f *testing.F) {
	good := string(beatLine(f, "a", 5, 5, "fine", childKeyOf("a"))) + "\n"
	for _, datagram := range []string{
		good, "", "\n", "HEARTBEAT/1\n", "RELAY/1\n", strings.Repeat("x", 1300), strings.TrimSuffix(good, "\n") + " age=5\n",
		string(beatLine(f, strings.Repeat(`"`, 128), 5, 5, strings.Repeat("x", 256), childKeyOf("a"))) + "\n",
		string(beatLine(f, "a", 1<<63, 1<<63, "", nil)) + " x=\"" + strings.Repeat("y", 900) + "\"\n",
	} {
		f.Add([]byte(datagram), []byte(good), uint16(1500))
	}
	f.Fuzz(func(t *testing.T, one, two []byte, ms uint16) {
		r, now := testRounds(), time.Now()
		for i := range 4 {
			r.nursery.hear(one, here, now, r.seq)
			r.nursery.hear(two, netip.AddrFrom4([4]byte{byte(i)}), now, r.seq)
			now = now.Add(time.Duration(ms) * time.Millisecond)
			for {
				datagram, _, err := r.due(now)
				if err != nil {
					t.Fatal(err)
				}
				if datagram == nil {
					break
				}
				if err := wire.VerifyRelay(datagram, relayKey); err != nil {
					t.Fatal(err)
				}
				_, lines, err := wire.ParseRelay(datagram)
				if err != nil {
					t.Fatalf("%q: %v", datagram, err)
				}
				for _, line := range lines {
					if child, err := wire.ParseHeartbeat(line); err != nil || !child.Age.Given {
						t.Fatalf("%q: %v", line, err)
					}
				}
			}
		}
	})
}
