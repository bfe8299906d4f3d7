package checker

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mainstay-lvs/mainstay/checker/heartbeat"
	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// each is a timing whose heartbeats come so often.
func each(interval time.Duration) Timing {
	return Timing{Interval: interval, Timeout: interval, FastInterval: interval, Fall: 3, Rise: 1}
}

func heartbeatSpec(o Heartbeat, timing Timing) Spec {
	if o.ID == "" {
		o.ID = "192.0.2.21:2222"
	}
	if o.Service == "" {
		o.Service = "bastion"
	}
	if o.Misses == 0 {
		o.Misses = 3
	}
	return Spec{Target: netip.MustParseAddrPort("192.0.2.21:0"), Options: o, Timing: timing}
}

// beat makes the datagram of a heartbeat, signed where there is a secret.
func beat(t testing.TB, state wire.State, seq uint64, secret []byte) []byte {
	t.Helper()
	line, err := wire.Heartbeat{
		State: state, ID: "192.0.2.21:2222", Service: "bastion", Instance: 0xabc, Seq: seq, Interval: time.Second,
	}.AppendText(nil)
	if err == nil && secret != nil {
		line, err = wire.SignHeartbeat(line, wire.DeriveKey(secret, "192.0.2.21:2222"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return append(line, '\n')
}

// listening runs an engine that serves heartbeats until the test ends, and returns a
// connection to it.
func listening(t *testing.T, e *Engine, specs ...Spec) net.Conn {
	t.Helper()
	socket, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	to, err := net.Dial("udp", socket.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- e.Run(ctx) }()
	go func() { ended <- e.ServeHeartbeats(ctx, socket) }()
	e.Set(specs)
	for e.HeartbeatStats().Checks < len(specs) { // what comes before would be of an unknown id
		runtime.Gosched()
	}
	t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		to.Close()
		socket.Close()
	})
	return to
}

func send(t testing.TB, to net.Conn, datagram []byte) {
	t.Helper()
	if _, err := to.Write(datagram); err != nil {
		t.Fatal(err)
	}
}

// until takes events until one is as wanted, and returns it.
func until(t testing.TB, e *Engine, wanted func(Event) bool) Event {
	t.Helper()
	for event := range e.Events() {
		if wanted(event) {
			return event
		}
	}
	t.Fatal("the engine has ended")
	return Event{}
}

func TestHeartbeat(t *testing.T) {
	e := New(Config{})
	spec := heartbeatSpec(Heartbeat{Secrets: [][]byte{newSecret}, Misses: 1}, each(time.Second))
	to := listening(t, e, spec)
	send(t, to, beat(t, wire.Drain, 1, oldSecret))
	send(t, to, beat(t, wire.Drain, 2, newSecret))
	event := until(t, e, func(event Event) bool { return event.Verdict != Unknown })
	if event.Key != spec.Key() || event.Verdict != Up || event.Mode != Draining || event.Result.Instance != "0000000000000abc" || event.Reason != "monitor says drain" {
		t.Errorf("%+v", event)
	}
	if note := e.HeartbeatNote(spec.Key()); !strings.Contains(note, "directly; unconfirmed") {
		t.Errorf("the note says %q", note)
	}
	// It falls silent.
	event = until(t, e, func(event Event) bool { return event.Verdict == Down })
	if event.Result.Answer != Refusal || !strings.HasPrefix(event.Reason, "no heartbeat for ") || !strings.HasSuffix(event.Reason, "(1 x 1s allowed)") {
		t.Errorf("%+v", event)
	}
	send(t, to, beat(t, wire.Up, 3, newSecret))
	until(t, e, func(event Event) bool { return event.Verdict == Up })
	s := e.HeartbeatStats()
	if s.Checks != 1 || s.Silent != 0 || s.LostInSocket != 0 || len(s.Verdicts) != 2 || s.Verdicts[0].Count != 2 || s.Verdicts[1].Verdict != heartbeat.BadMAC {
		t.Errorf("%+v", s)
	}
	if from := s.Verdicts[1].Examples[0].From; from.String() != to.LocalAddr().String() {
		t.Errorf("the bad mac came from %s", from)
	}
	if note := e.HeartbeatNote(Key{}); note != "" {
		t.Errorf("no check has the note %q", note)
	}
}

// A new instance counts once the fallback's poll says that it runs.
func TestAHeartbeatIsConfirmedByItsFallback(t *testing.T) {
	for _, c := range []struct {
		name, instance string
		confirmed      bool
	}{
		{"the same instance", "0000000000000abc", true},
		{"another", "0000000000000abd", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := New(Config{})
			answer := signing("MONITOR/1 up service=bastion instance="+c.instance+" seq=1", newSecret)
			spec := heartbeatSpec(Heartbeat{
				Secrets:  [][]byte{newSecret},
				Fallback: &Monitor{Server: theServer, Service: "bastion", Secrets: [][]byte{newSecret}},
			}, patient)
			spec.Target = serve(t, monitoring(answer))
			to := listening(t, e, spec)
			send(t, to, beat(t, wire.Maint, 1, newSecret))
			event := until(t, e, func(Event) bool { return true })
			if confirmed := event.Mode == Maintenance; event.Verdict != Up || confirmed != c.confirmed {
				t.Errorf("%+v", event)
			}
			if event.Result.Instance != c.instance {
				t.Errorf("the instance is %s", event.Result.Instance)
			}
			note, want := e.HeartbeatNote(spec.Key()), "not confirmed: the program says instance 0000000000000abd"
			if strings.Contains(note, want) == c.confirmed {
				t.Errorf("the note says %q", note)
			}
		})
	}
}

func TestAHeartbeatCantBeAskedFor(t *testing.T) {
	expect(t, once(heartbeatSpec(Heartbeat{}, patient)), Inconclusive,
		"a heartbeat can't be asked for, and the check has no fallback to poll: see what status says of it")
	spec := heartbeatSpec(Heartbeat{Fallback: &Monitor{Server: theServer, Service: "bastion"}}, patient)
	spec.Target = serve(t, monitoring(always("MONITOR/1 drain service=bastion instance=i seq=1\n")))
	expect(t, once(spec), Success, "monitor says drain")
}

func TestWrongHeartbeats(t *testing.T) {
	for want, o := range map[string]Heartbeat{
		"the heartbeat's misses are -1, not 1..1000":                             {Misses: -1},
		"the heartbeat's service \"\\n\" is not 1..128 bytes of printable ASCII": {Service: "\n"},
		"secret 1 is empty": {Secrets: [][]byte{{}}},
		"the heartbeat's fallback is watched: it can only be polled": {
			Fallback: &Monitor{Server: theServer, Service: "a", Mode: Watch},
		},
		"the heartbeat is signed and its fallback is not: give the fallback a secret, or whoever answers in the server's place confirms what is false": {
			Secrets: [][]byte{newSecret}, Fallback: &Monitor{Server: theServer, Service: "a"},
		},
		"the heartbeat's fallback has no port of 192.0.2.21 to connect to": {
			Fallback: &Monitor{Server: theServer, Service: "a"},
		},
	} {
		if err := heartbeatSpec(o, patient).Validate(); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	spec := heartbeatSpec(Heartbeat{Fallback: &Monitor{Service: "a"}}, patient)
	spec.Target = theServer
	if err := spec.Validate(); err == nil || err.Error() != "the heartbeat's fallback: the monitor is asked about no real server" {
		t.Error(err)
	}
}

// Two checks of one id with different secrets: the second can't run, and says so.
func TestHeartbeatsOfOneIDHaveTheSameSecrets(t *testing.T) {
	e := New(Config{})
	a, b := heartbeatSpec(Heartbeat{Secrets: [][]byte{newSecret}}, patient), heartbeatSpec(Heartbeat{Secrets: [][]byte{oldSecret}}, patient)
	listening(t, e, a)
	e.Set([]Spec{a, b})
	event := until(t, e, func(Event) bool { return true })
	expect(t, event.Result, Inconclusive, "this check can't run: another check of the same id and service has other secrets: give both the same")
	e.Set(nil)
	if s := e.HeartbeatStats(); s.Checks != 0 || s.Children != 0 {
		t.Errorf("%+v", s)
	}
}

// What was heard before a restart wakes nobody after it.
func TestMarksOutliveARestart(t *testing.T) {
	spec := heartbeatSpec(Heartbeat{}, patient)
	before := New(Config{})
	to := listening(t, before, spec)
	send(t, to, beat(t, wire.Drain, 1, nil))
	until(t, before, func(Event) bool { return true })
	text, err := json.Marshal(before.HeartbeatMarks())
	if err != nil {
		t.Fatal(err)
	}
	var marks heartbeat.Marks
	if err := json.Unmarshal(text, &marks); err != nil {
		t.Fatal(err)
	}
	after := New(Config{Heartbeats: HeartbeatConfig{Marks: marks}})
	to = listening(t, after, spec)
	send(t, to, beat(t, wire.Drain, 1, nil))
	send(t, to, beat(t, wire.Maint, 2, nil))
	if event := until(t, after, func(Event) bool { return true }); event.Mode != Maintenance {
		t.Errorf("%+v", event)
	}
}

// Virtual time: silence is down to the millisecond, and told once.
func TestSilenceInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New(Config{})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- e.Run(ctx) }()
		e.Set([]Spec{heartbeatSpec(Heartbeat{}, each(time.Second))})
		begun := time.Now()
		events := collect(e, 10*time.Second)
		if len(events) != 1 || events[0].At.Sub(begun) != 3*time.Second || events[0].Verdict != Unknown {
			t.Errorf("never heard: %+v", events)
		}
		for i := range 3 {
			e.hearts.mu.Lock()
			e.hearts.ledger.Receive(e.now(), netip.MustParseAddrPort("192.0.2.21:4000"), beat(t, wire.Up, uint64(i), nil))
			e.hearts.carryOut(time.Now())
			e.hearts.mu.Unlock()
			begun = time.Now()
			if events := collect(e, time.Second); len(events) != 1 || events[0].Verdict != Up {
				t.Errorf("heard: %+v", events)
			}
		}
		events = collect(e, 10*time.Second)
		if len(events) != 1 || events[0].Verdict != Down || events[0].At.Sub(begun).Round(10*time.Millisecond) != 3*time.Second {
			t.Errorf("silent: %+v", events)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// Datagrams lost in the director's own socket are noticed, and told from damaged ones.
func TestALossInTheSocketIsNoticed(t *testing.T) {
	e := New(Config{})
	to := listening(t, e, heartbeatSpec(Heartbeat{}, patient))
	send(t, to, beat(t, wire.Up, 1, nil))
	until(t, e, func(Event) bool { return true })
	lost := func() (n uint32) {
		e.hearts.mu.Lock()
		defer e.hearts.mu.Unlock()
		_ = e.hearts.socket.control(func(fd uintptr) { n, _ = drops(int(fd)) })
		return n
	}
	e.hearts.mu.Lock() // nobody reads
	err := e.hearts.socket.control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 128<<10) })
	if err != nil {
		t.Fatal(err)
	}
	for range 2000 {
		send(t, to, beat(t, wire.Up, 1, nil))
	}
	e.hearts.mu.Unlock()
	if lost() == 0 {
		t.Fatal("nothing was lost: the socket's buffer is not as small as it was made")
	}
	e.hearts.tick()
	if s := e.HeartbeatStats(); s.LostInSocket == 0 || s.Damaged != 0 {
		t.Errorf("%d lost, %d damaged", s.LostInSocket, s.Damaged)
	}
}

// What came during a stall is heard after it: the stall is none of its silence.
func TestAStallIsCountedBeforeWhatCameInIt(t *testing.T) {
	e := New(Config{})
	e.epoch = e.epoch.Add(-time.Hour)
	e.meter.stalls[0] = span{10 * time.Minute, 50 * time.Minute}
	to := served(t, e)
	h := &heartbeatCheck{check: heartbeat.Check{ID: "192.0.2.21:2222", Service: "bastion", Interval: time.Minute, Misses: 3}}
	h.post = post{e, &check{tracker: newTracker()}}
	e.hearts.add(h)
	send(t, to, beat(t, wire.Up, 1, nil))
	e.hearts.tick()
	e.hearts.ledger.Tick(e.now() + 3*time.Minute)
	if s := e.HeartbeatStats(); s.Unheard != 0 || s.Silent != 1 {
		t.Errorf("after three minutes of silence: %+v", s)
	}
}

// served gives an engine a socket that nobody reads but catchUp, and returns a connection
// to it.
func served(t testing.TB, e *Engine) net.Conn {
	t.Helper()
	socket, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	to, err := net.Dial("udp", socket.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { to.Close() })
	raw, err := socket.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	s := &heartbeatSocket{hearts: e.hearts, control: raw.Control}
	if err := s.enlarge(); err != nil {
		t.Fatal(err)
	}
	e.hearts.serve(s)
	return to
}

func TestServeHeartbeatsEnds(t *testing.T) {
	open := func() *net.UDPConn {
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	e := New(Config{})
	ctx, cancel := context.WithCancel(t.Context())
	first, ended := open(), make(chan error, 1)
	go func() { ended <- e.ServeHeartbeats(ctx, first) }()
	// It is served once what is sent there is counted.
	to, err := net.Dial("udp", first.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	send(t, to, []byte("anything"))
	for len(e.HeartbeatStats().Verdicts) == 0 {
		runtime.Gosched()
	}
	if err := e.ServeHeartbeats(ctx, open()); err == nil || err.Error() != "receive heartbeats: another socket is served already" {
		t.Error(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	// Another may be served now; where it is closed, that is an error.
	second := open()
	second.Close()
	if err := e.ServeHeartbeats(t.Context(), second); err == nil || !strings.HasPrefix(err.Error(), "receive heartbeats: ") {
		t.Error(err)
	}
}

// BenchmarkHeartbeatSocket is what a datagram costs from the socket to the event.
func BenchmarkHeartbeatSocket(b *testing.B) {
	e := New(Config{})
	to := served(b, e)
	for _, c := range []struct {
		name string
		make func(i int) []byte
	}{
		{"a heartbeat", func(i int) []byte { return beat(b, wire.Up, uint64(i), newSecret) }},
		{"of no known id", func(i int) []byte {
			return bytes.Replace(beat(b, wire.Up, uint64(i), nil), []byte("192"), []byte("193"), 1)
		}},
	} {
		seq := 0
		b.Run(c.name, func(b *testing.B) {
			h := &heartbeatCheck{check: heartbeat.Check{ID: "192.0.2.21:2222", Service: "bastion", Secrets: [][]byte{newSecret}, Interval: time.Second, Misses: 3}}
			h.post = post{e, &check{tracker: newTracker()}}
			e.hearts.add(h)
			defer e.hearts.remove(h)
			const row = 1000 // that the socket holds
			b.ReportAllocs()
			b.StopTimer()
			for begin := 0; begin < b.N; begin += row {
				for range min(row, b.N-begin) {
					seq++
					send(b, to, c.make(seq))
				}
				b.StartTimer()
				e.hearts.catchUp()
				b.StopTimer()
			}
		})
	}
}
