package checker

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// lively is a timing for watches whose intervals are to pass in a test.
var lively = Timing{Interval: 100 * ms, Timeout: 100 * ms, FastInterval: 20 * ms, Fall: 3, Rise: 2}

// steady is a timing for watches whose silence does not matter, however slow the host.
var steady = Timing{Interval: 20 * time.Second, Timeout: 20 * time.Second, FastInterval: 20 * ms, Fall: 3, Rise: 2}

// fakeProgram is a program with a monitor that can be watched.
type fakeProgram struct {
	listener net.Listener
	target   netip.AddrPort
	secret   []byte
	interval time.Duration // it answers each, whatever was asked; 0: only when told to

	mu    sync.Mutex
	state string
	seq   int
	conns map[net.Conn]string // and the latest request
	all   sync.WaitGroup
}

func launchProgram(t testing.TB, secret []byte, interval time.Duration) *fakeProgram {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &fakeProgram{
		listener: l, target: netip.MustParseAddrPort(l.Addr().String()), secret: secret, interval: interval,
		state: "up", conns: make(map[net.Conn]string),
	}
	p.all.Go(p.accept)
	stop := make(chan struct{})
	if interval > 0 {
		p.all.Go(func() {
			pace := time.NewTicker(interval)
			defer pace.Stop()
			for {
				select {
				case <-pace.C:
					p.say("")
				case <-stop:
					return
				}
			}
		})
	}
	t.Cleanup(func() {
		close(stop)
		p.die()
		p.all.Wait()
	})
	return p
}

func (p *fakeProgram) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.conns[c] = ""
		p.mu.Unlock()
		p.all.Go(func() {
			for lines := bufio.NewScanner(c); lines.Scan(); {
				p.mu.Lock()
				if _, there := p.conns[c]; there {
					p.conns[c] = lines.Text()
					p.answer(c)
				}
				p.mu.Unlock()
			}
			p.mu.Lock()
			delete(p.conns, c)
			p.mu.Unlock()
			c.Close()
		})
	}
}

// answer answers the latest request of a connection; the caller holds mu.
func (p *fakeProgram) answer(c net.Conn) {
	p.seq++
	line := fmt.Sprintf("MONITOR/1 %s service=bastion instance=i seq=%d", p.state, p.seq)
	if p.secret != nil {
		signed, _ := wire.Sign([]byte(p.conns[c]), []byte(line), p.secret)
		line = string(signed)
	}
	_, _ = io.WriteString(c, line+"\n")
}

// say tells all who watch a state: a new one, or the same again.
func (p *fakeProgram) say(state string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if state != "" {
		p.state = state
	}
	for c, request := range p.conns {
		if request != "" {
			p.answer(c)
		}
	}
}

// drop ends all connections.
func (p *fakeProgram) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
		delete(p.conns, c)
	}
}

// die ends the program.
func (p *fakeProgram) die() {
	p.listener.Close()
	p.drop()
}

// watchers is how many are connected and have asked.
func (p *fakeProgram) watchers() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}

// watchSpecs is n watches of one program.
func watchSpecs(n int, target netip.AddrPort, timing Timing, secrets ...[]byte) []Spec {
	specs := monitorSpecs(n, target.Port(), Watch, secrets...)
	for i := range specs {
		specs[i].Target, specs[i].Timing = target, timing
	}
	return specs
}

// operate runs an engine until the end of the test.
func operate(t testing.TB, c Config) *Engine {
	t.Helper()
	e := New(c)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return e
}

// awaits takes events until one is as wanted.
func awaits(t testing.TB, e *Engine, what string, wanted func(Event) bool) Event {
	t.Helper()
	limit := time.After(time.Minute)
	var last Event
	for {
		select {
		case last = <-e.Events():
			if wanted(last) {
				return last
			}
		case <-limit:
			t.Fatalf("no event %s; the last is %+v", what, last)
		}
	}
}

func isVerdict(v Verdict) func(Event) bool {
	return func(e Event) bool { return e.Verdict == v }
}

func TestWatchARealProgram(t *testing.T) {
	soon := steady
	soon.Interval, soon.Timeout = 4*time.Second, 4*time.Second
	p := launchProgram(t, newSecret, 0)
	e := operate(t, Config{Shortcut: func(Key) bool { return true }})
	e.Set(watchSpecs(1, p.target, soon, newSecret))
	first := awaits(t, e, "up", isVerdict(Up))
	if first.Result.Instance != "i" || first.Result.Latency <= 0 {
		t.Errorf("%+v", first.Result)
	}
	p.say("drain")
	awaits(t, e, "drain", func(e Event) bool { return e.Verdict == Up && e.Mode == Draining })
	p.say("down")
	awaits(t, e, "down", func(e Event) bool { return e.Verdict == Down && e.Reason == "monitor says down" })
	p.say("up")
	awaits(t, e, "up again", isVerdict(Up)) // by a further line at the fast interval
	p.die()
	if got := awaits(t, e, "down", isVerdict(Down)); got.Reason != "connection refused: its program is gone" || got.Result.Answer != Refusal {
		t.Errorf("%+v", got)
	}
}

// Where the shortcut is refused, fall counts.
func TestWatchWithoutAShortcut(t *testing.T) {
	p := launchProgram(t, nil, 0)
	e := operate(t, Config{})
	e.Set(watchSpecs(1, p.target, steadyAndSoon(), nil...))
	awaits(t, e, "up", isVerdict(Up))
	p.die()
	var reasons []string
	awaits(t, e, "down", func(e Event) bool {
		reasons = append(reasons, e.Result.Reason)
		return e.Verdict == Down
	})
	want := []string{"connection closed by the program", "connection refused", "connection refused"}
	if fmt.Sprint(reasons) != fmt.Sprint(want) {
		t.Errorf("reasons %q, want %q", reasons, want)
	}
}

// steadyAndSoon is steady, but a first dial comes soon.
func steadyAndSoon() Timing {
	timing := steady
	timing.Interval, timing.Timeout = 4*time.Second, 4*time.Second
	return timing
}

// An answer that stands before the end of the stream counts.
func TestWatchReadsWhatStandsBeforeTheEnd(t *testing.T) {
	target := serve(t, func(c net.Conn) {
		_, _ = bufio.NewReader(c).ReadString('\n')
		_, _ = io.WriteString(c, "MONITOR/1 up service=bastion instance=i seq=1\nMONITOR/1 down service=bastion instance=i seq=2 reason=bye\n")
	})
	e := operate(t, Config{})
	e.Set(watchSpecs(1, target, steadyAndSoon()))
	var got []string
	for range 3 {
		event := <-e.Events()
		got = append(got, fmt.Sprint(event.Result.Answer, event.Result.Reason))
	}
	want := []string{fmt.Sprint(Success, ""), fmt.Sprint(Refusal, "monitor says down: bye"), fmt.Sprint(Failure, "connection closed by the program")}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Nonces are renewed while answers fly, and every answer is taken.
func TestWatchRenewsNoncesOfARealProgram(t *testing.T) {
	timing := Timing{Interval: 100 * ms, Timeout: 100 * ms, FastInterval: 100 * ms, Fall: 100, Rise: 1}
	p := launchProgram(t, newSecret, 10*ms)
	e := operate(t, Config{})
	e.Set(watchSpecs(1, p.target, timing, newSecret))
	nonces := make(map[string]bool)
	for begun := time.Now(); len(nonces) < 3; {
		event := awaits(t, e, "of an answer", func(Event) bool { return true })
		if r := event.Result.Reason; strings.Contains(r, "mac") || strings.Contains(r, "nonce") {
			t.Fatal(r)
		}
		p.mu.Lock()
		for _, request := range p.conns {
			nonces[request] = true
		}
		p.mu.Unlock()
		if time.Since(begun) > time.Minute {
			t.Fatalf("%d nonces in a minute", len(nonces))
		}
	}
}

// What a hostile program does costs its own check only.
func TestHostilePrograms(t *testing.T) {
	const up = "MONITOR/1 up service=bastion instance=i seq=%d\n"
	asked := func(then func(net.Conn)) func(net.Conn) {
		return func(c net.Conn) {
			_, _ = bufio.NewReader(c).ReadString('\n')
			then(c)
		}
	}
	line := fmt.Sprintf(up, 1)
	for name, c := range map[string]struct {
		handle func(net.Conn)
		reason string
	}{
		"silent":             {silent, "no answer within 100ms"},
		"closing at once":    {hangingUp(""), "connection closed while waiting for the answer"},
		"resetting":          {resetting, "connection reset while waiting for the answer"},
		"dripping":           {asked(dripping("", 'a')), "no end of the answer within 100ms"},
		"dripping later":     {asked(func(c net.Conn) { _, _ = io.WriteString(c, line); dripping("", 'M')(c) }), "no answer within 200ms"},
		"a line without end": {asked(flooding("", "aaaaaaaa")), "answer is longer than 1024 bytes"},
		"later without end":  {asked(flooding(line, "aaaaaaaa")), "answer is longer than 1024 bytes"},
		"half a line":        {asked(hangingUp("MONITOR/1 up servi")), "connection closed in the middle of the answer"},
		"unasked":            {telling("SSH-2.0-OpenSSH_9.2\r\n"), `answer is not a MONITOR line: it is "SSH-2.0-OpenSSH_9.2"`},
		"an agent each time": {asked(telling("up ready 80%\n")), agentInstead},
		"the same seq":       {asked(flooding(line, line)), "answer's seq does not grow: 1 after 1"},
		"silent after one":   {asked(telling(line)), "no answer within 200ms"},
		"no method for it":   {asked(telling("MONITOR/1 error reason=\"the method watch is not supported (poll is)\"\n")), "the program can't be watched: use mode: poll (it says: the method watch is not supported (poll is))"},
		"closing after one":  {asked(hangingUp(line)), "connection closed by the program"},
		"a flood of answers": {asked(func(c net.Conn) {
			w := bufio.NewWriterSize(c, 64<<10)
			for seq := 1; ; seq++ {
				if _, err := fmt.Fprintf(w, up, seq); err != nil {
					return
				}
			}
		}), "answers too often"},
	} {
		t.Run(name, func(t *testing.T) {
			good := launchProgram(t, nil, 25*ms)
			bad := serve(t, c.handle)
			e := operate(t, Config{})
			tolerant := lively
			tolerant.Interval, tolerant.Timeout, tolerant.Fall = time.Second, time.Second, 1
			specs := append(watchSpecs(1, bad, lively), watchSpecs(1, good.target, tolerant)...)
			e.Set(specs)
			awaits(t, e, "with the reason "+c.reason, func(event Event) bool {
				if event.Key == specs[1].Key() && event.Result.Answer == Failure {
					t.Fatalf("the other check fails: %s", event.Result.Reason)
				}
				return event.Key == specs[0].Key() && event.Result.Answer == Failure && event.Result.Reason == c.reason
			})
			awaits(t, e, "of the other check", func(event Event) bool { return event.Key == specs[1].Key() && event.Verdict == Up })
		})
	}
}

// Nothing is left of a watch that is removed, nor of any when the engine ends.
func TestWatchesEnd(t *testing.T) {
	p := launchProgram(t, nil, 0)
	const n = 20
	specs := watchSpecs(n, p.target, lively)
	for i := range specs {
		specs[i].Timing.Interval = 2 * time.Second
	}
	e := New(Config{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	e.Set(specs)
	up := make(map[Key]bool)
	awaits(t, e, "of all", func(event Event) bool { up[event.Key] = true; return len(up) == n })
	e.Set(specs[:n/2])
	for p.watchers() != n/2 {
		if event := <-e.Events(); event.Verdict == Up {
			p.say("")
		}
	}
	cancel()
	for range e.Events() {
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	p.all.Go(func() {}) // the peers see the end
	for p.watchers() != 0 {
		p.say("")
	}
}

func TestProbeAWatch(t *testing.T) {
	p := launchProgram(t, nil, 0)
	r := once(watchSpecs(1, p.target, steady)[0])
	expect(t, r, Success, "")
	const request = "MONITOR/1 watch target=192.0.0.0:80 service=bastion interval=20s\n"
	const answer = "MONITOR/1 up service=bastion instance=i seq=1\n"
	if string(r.Sent) != request || string(r.Read) != answer || r.Instance != "i" {
		t.Errorf("sent %q, read %q, instance %q", r.Sent, r.Read, r.Instance)
	}
	refusing := serve(t, monitoring(always("MONITOR/1 error reason=\"the method watch is not supported\"\n")))
	expect(t, once(watchSpecs(1, refusing, steady)[0]), Failure,
		"the program can't be watched: use mode: poll (it says: the method watch is not supported)")
}

func TestValidateAWatch(t *testing.T) {
	spec := watchSpecs(1, nobodyThere(t), steady)[0]
	if err := spec.Validate(); err != nil {
		t.Error(err)
	}
	spec.Timing.FastInterval = 1500 * time.Microsecond
	const want = "interval 1.5ms is not one that a program can be watched in: whole milliseconds from 10ms to 1h0m0s"
	if err := spec.Validate(); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// 2,000 watches, and half of the programs die at once: those are down, and no other
// server is.
func TestHalfOfTheProgramsDie(t *testing.T) {
	const programs, each = 20, 100
	timing := Timing{Interval: 5 * time.Second, Timeout: 5 * time.Second, FastInterval: 200 * ms, Fall: 3, Rise: 2}
	e := operate(t, Config{Shortcut: func(k Key) bool { return k[0]%2 == 0 }})
	var all []*fakeProgram
	var specs []Spec
	doomed := make(map[Key]bool)
	for i := range programs {
		p := launchProgram(t, nil, 0)
		all = append(all, p)
		for _, s := range watchSpecs(each, p.target, timing) {
			specs = append(specs, s)
			if i%2 == 0 {
				doomed[s.Key()] = true
			}
		}
	}
	e.Set(specs)
	up := make(map[Key]bool)
	awaits(t, e, "of all", func(event Event) bool {
		if event.Verdict == Up {
			up[event.Key] = true
		}
		return len(up) == programs*each
	})
	for i, p := range all {
		if i%2 == 0 {
			p.die()
		} else {
			p.say("")
		}
	}
	down := make(map[Key]bool)
	awaits(t, e, "of all that died", func(event Event) bool {
		if event.Result.Answer == Failure && !doomed[event.Key] {
			t.Fatalf("another fails: %s", event.Result.Reason)
		}
		if event.Verdict == Down {
			down[event.Key] = true
			want := Failure
			if event.Key[0]%2 == 0 {
				want = Refusal
			}
			if event.Changed && event.Result.Answer != want {
				t.Fatalf("down by %+v", event.Result)
			}
		}
		return len(down) == len(doomed)
	})
}

// Checks come and go while events fly.
func TestSetWhileWatchesReport(t *testing.T) {
	good, bad := launchProgram(t, newSecret, 5*ms), serve(t, hangingUp("x\n"))
	timing := Timing{Interval: 20 * ms, Timeout: 20 * ms, FastInterval: 10 * ms, Fall: 2, Rise: 2}
	specs := append(watchSpecs(30, good.target, timing, newSecret), watchSpecs(30, bad, timing)...)
	specs = append(specs, watchSpecs(10, nobodyThere(t), timing)...)
	e := operate(t, Config{MaxPending: 64})
	for round := range 100 {
		set := make(map[Key]bool)
		var some []Spec
		for i, s := range specs {
			if (round*7+i*i)%5 < 3 {
				some, set[s.Key()] = append(some, s), true
			}
		}
		e.Set(some)
		for range 20 {
			if event := <-e.Events(); !set[event.Key] {
				t.Fatalf("round %d: an event of a check that is not set", round)
			}
		}
	}
}

// BenchmarkWatchKill is how long a program is dead before the event says so, in a process
// of its own that is killed: the figures median-ms and worst-ms.
func BenchmarkWatchKill(b *testing.B) {
	e := operate(b, Config{Shortcut: func(Key) bool { return true }})
	var took []time.Duration
	for i := range b.N {
		cmd, port := benchmarkProcess(b, "monitor")
		timing := DefaultTiming()
		timing.Fall = i + 3
		specs := monitorSpecs(1, port, Watch)
		specs[0].Timing = timing
		e.Set(specs)
		awaits(b, e, "up", isVerdict(Up))
		killed := time.Now()
		if err := cmd.Process.Kill(); err != nil {
			b.Fatal(err)
		}
		event := awaits(b, e, "down", isVerdict(Down))
		took = append(took, event.At.Sub(killed))
		_ = cmd.Wait()
	}
	reportQuantiles(b, took)
}
