package checker

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	grpcstatus "google.golang.org/grpc/status"
)

// brisk is a timing whose checks come often, and whose deadline is never reached.
var brisk = Timing{Interval: 10 * time.Second, Timeout: 10 * time.Second, FastInterval: 50 * time.Millisecond, Fall: 3, Rise: 2}

// watchHealth runs an engine with one watch of gRPC's health service, until the test
// ends, and returns its events. Its key is one whose first turn comes soon.
func watchHealth(t *testing.T, c Config, target netip.AddrPort, timing Timing) <-chan Event {
	t.Helper()
	options := GRPC{Watch: true}
	spec := Spec{Target: target, Options: options, Timing: timing}
	for i := 0; spread(spec.Key(), timing.Interval) > 50*time.Millisecond; i++ {
		options.Authority = fmt.Sprintf("test-%d", i)
		spec.Options = options
	}
	e := New(c)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	e.Set([]Spec{spec})
	t.Cleanup(func() {
		cancel()
		for range e.Events() {
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return e.Events()
}

// await takes events until one is as wanted, and returns it.
func await(t *testing.T, events <-chan Event, what string, wanted func(Event) bool) Event {
	t.Helper()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	for {
		select {
		case e := <-events:
			if wanted(e) {
				return e
			}
		case <-limit.C:
			t.Fatalf("no event of %s", what)
		}
	}
}

func verdictIs(v Verdict) func(Event) bool { return func(e Event) bool { return e.Verdict == v } }

func resultIs(a Answer, reason string) func(Event) bool {
	return func(e Event) bool { return e.Result.Answer == a && e.Result.Reason == reason }
}

// toldHealth says what a test tells it: by Watch; by Check it is always SERVING.
type toldHealth struct {
	grpc_health_v1.UnimplementedHealthServer
	tell chan grpc_health_v1.HealthCheckResponse_ServingStatus
	end  chan error
}

func newToldHealth() *toldHealth {
	return &toldHealth{tell: make(chan grpc_health_v1.HealthCheckResponse_ServingStatus), end: make(chan error)}
}

func (h *toldHealth) Check(context.Context, *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	return &grpc_health_v1.HealthCheckResponse{Status: isServing}, nil
}

func (h *toldHealth) Watch(_ *grpc_health_v1.HealthCheckRequest, s grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]) error {
	status := isServing
	for {
		if err := s.Send(&grpc_health_v1.HealthCheckResponse{Status: status}); err != nil {
			return err
		}
		select {
		case status = <-h.tell:
		case err := <-h.end:
			return err
		case <-s.Context().Done():
			return s.Context().Err()
		}
	}
}

// A change is told at once, with the interval far away; up again takes rise successes.
func TestGRPCWatchTellsChangesAtOnce(t *testing.T) {
	health := newToldHealth()
	events := watchHealth(t, Config{}, serveGRPC(t, health), brisk)
	await(t, events, "up", verdictIs(Up))
	for range 3 {
		health.tell <- isNotServing
		e := <-events
		if e.Verdict != Down || !e.Changed {
			t.Errorf("%+v", e)
		}
		expect(t, e.Result, Refusal, "health service says NOT_SERVING")
		health.tell <- isServing
		first := await(t, events, "a success", func(e Event) bool { return e.Result.Answer == Success })
		if first.Verdict != Down || first.Streak != 1 {
			t.Errorf("the first success after down: %+v", first)
		}
		if up := await(t, events, "up", verdictIs(Up)); up.Streak != 2 {
			t.Errorf("up again: %+v", up)
		}
	}
}

// A watch on which nothing changes is asked each interval, and is well.
func TestGRPCWatchIsAskedEachInterval(t *testing.T) {
	timing := brisk
	timing.Interval, timing.Timeout = 50*time.Millisecond, 50*time.Millisecond
	var asked atomic.Int32
	count := func(ctx context.Context, q any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		asked.Add(1)
		return next(ctx, q)
	}
	events := watchHealth(t, Config{}, serveGRPC(t, newToldHealth(), grpc.UnaryInterceptor(count)), timing)
	await(t, events, "ten successes", func(e Event) bool { return e.Result.Answer == Success && e.Streak >= 10 })
	if n := asked.Load(); n < 10 {
		t.Errorf("asked %d times for 10 successes", n)
	}
}

// The end of a server is a failure at once; it is dialled again, and found when it is
// back.
func TestGRPCWatchOfAServerThatEnds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := serveGRPCOn(t, l, statuses(nil))
	target := netip.MustParseAddrPort(l.Addr().String())
	timing := brisk
	timing.Interval, timing.Timeout = time.Second, time.Second
	events := watchHealth(t, Config{}, target, timing)
	await(t, events, "up", verdictIs(Up))
	server.Stop()
	e := await(t, events, "a failure", func(e Event) bool { return e.Result.Answer != Success })
	if e.Result.Reason != "connection closed during the watch" && e.Result.Reason != "connection reset during the watch" {
		t.Errorf("%+v", e.Result)
	}
	e = <-events
	expect(t, e.Result, Failure, "connection refused")
	if e = <-events; e.Verdict != Down || e.Streak != 3 {
		t.Errorf("%+v", e)
	}
	if l, err = net.Listen("tcp", target.String()); err != nil {
		t.Fatal(err)
	}
	serveGRPCOn(t, l, statuses(nil))
	await(t, events, "up again", verdictIs(Up))
}

// Where the engine is told so, the refusal after the end of a watch that was up is down
// at once, whatever fall is.
func TestGRPCWatchTakesTheShortcut(t *testing.T) {
	for _, shortcut := range []bool{true, false} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := serveGRPCOn(t, l, statuses(nil))
		timing := brisk
		timing.Fall = 10
		asked := make(chan Key, 100)
		c := Config{Shortcut: func(k Key) bool { asked <- k; return shortcut }}
		events := watchHealth(t, c, netip.MustParseAddrPort(l.Addr().String()), timing)
		up := await(t, events, "up", verdictIs(Up))
		server.Stop()
		down := await(t, events, "down", verdictIs(Down))
		if shortcut {
			expect(t, down.Result, Refusal, "connection refused after the watch ended")
		} else {
			expect(t, down.Result, Failure, "connection refused")
		}
		if n := len(asked); n != 1 || <-asked != up.Key {
			t.Errorf("the engine's owner was asked %d times", n)
		}
	}
}

func TestGRPCWatchThatTheServerEnds(t *testing.T) {
	for reason, end := range map[string]error{
		"the server ended the watch with Aborted: good bye": grpcstatus.Error(codes.Aborted, "good bye"),
		"the server ended the watch":                        nil,
	} {
		health := newToldHealth()
		events := watchHealth(t, Config{}, serveGRPC(t, health), brisk)
		await(t, events, "up", verdictIs(Up))
		health.end <- end
		await(t, events, reason, resultIs(Failure, reason))
		e := <-events // it is dialled again
		expect(t, e.Result, Success, "")
		health.tell <- isNotServing // and watched
		await(t, events, "down", verdictIs(Down))
	}
}

// A server without Watch is asked each interval, and that is said.
func TestGRPCWatchWithoutWatch(t *testing.T) {
	timing := brisk
	timing.Interval, timing.Timeout = 50*time.Millisecond, 50*time.Millisecond
	check := oddHealth{check: func(context.Context) (grpc_health_v1.HealthCheckResponse_ServingStatus, error) { return isServing, nil }}
	events := watchHealth(t, Config{}, serveGRPC(t, check), timing)
	e := await(t, events, "a watch without Watch", resultIs(Success, "health service says SERVING, and has no Watch: changes are seen each interval only"))
	if e.Verdict != Up {
		t.Errorf("%+v", e)
	}
}

// A server that says goodbye to a connection, and serves on, is asked on another: that
// is no failure.
func TestGRPCWatchOfAServerThatSaysGoodbye(t *testing.T) {
	timing := brisk
	timing.Interval, timing.FastInterval, timing.Timeout = 100*time.Millisecond, 100*time.Millisecond, 100*time.Millisecond
	timing.Fall = 1000
	var connections atomic.Int32
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveGRPCOn(t, counting{l, &connections}, statuses(nil), grpc.KeepaliveParams(keepalive.ServerParameters{
		MaxConnectionAge: 200 * time.Millisecond, MaxConnectionAgeGrace: time.Hour,
	}))
	events := watchHealth(t, Config{}, netip.MustParseAddrPort(l.Addr().String()), timing)
	await(t, events, "the fourth connection", func(e Event) bool {
		if e.Result.Answer == Failure && e.Result.Reason != "no answer within 100ms" {
			t.Errorf("%+v", e.Result)
		}
		return connections.Load() >= 4
	})
}

// counting counts the connections that a listener takes.
type counting struct {
	net.Listener
	n *atomic.Int32
}

func (c counting) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.n.Add(1)
	}
	return conn, err
}

// Of changes without end only so many are told.
func TestGRPCWatchOfAServerThatFlaps(t *testing.T) {
	health := newToldHealth()
	events := watchHealth(t, Config{}, serveGRPC(t, health), brisk)
	await(t, events, "up", verdictIs(Up))
	begun, told := time.Now(), 0
	for changes := 0; changes < 5000; {
		status := isServing
		if changes%2 == 0 {
			status = isNotServing
		}
		select {
		case health.tell <- status:
			changes++
		case <-events:
			told++
		}
	}
	// Besides the changes there are the questions in between.
	if most := 2 + int(time.Since(begun)/minChange) + int(time.Since(begun)/brisk.FastInterval); told > most {
		t.Errorf("%d events, at most %d wanted", told, most)
	}
}

// The time to the next question: fast while a verdict is being reached, and less and
// less often while a server that is down does not answer.
func TestGRPCWatchPauses(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		interval time.Duration
		answer   Answer
		stands   standingState
		want     []time.Duration
	}{
		{s, Success, standingState{Up, false}, []time.Duration{s, s}},
		{s, Inconclusive, standingState{Up, false}, []time.Duration{s, s}},
		{s, Failure, standingState{Up, true}, []time.Duration{s / 10, s / 10}},
		{s, Failure, standingState{Unknown, true}, []time.Duration{s / 10}},
		{s, Success, standingState{Down, true}, []time.Duration{s / 10}},
		{s, Refusal, standingState{Down, false}, []time.Duration{s, s, s}},
		{s, Failure, standingState{Down, false}, []time.Duration{s, 2 * s, 4 * s, 5 * s, 5 * s}},
		{8 * s, Failure, standingState{Down, false}, []time.Duration{8 * s, 8 * s}},
	} {
		p := &healthWatch{timing: Timing{Interval: c.interval, FastInterval: s / 10}}
		w := healthWatcher{healthWatch: p, stands: c.stands}
		for i, want := range c.want {
			if got := w.next(c.answer); got != want {
				t.Errorf("%s, answer %d, %+v, time %d: %s, want %s", c.interval, c.answer, c.stands, i, got, want)
			}
		}
		w.stands = standingState{Up, false}
		if got := w.next(Success); got != c.interval || w.pause != 0 {
			t.Errorf("%+v: after a success %s", c.stands, got)
		}
	}
}
