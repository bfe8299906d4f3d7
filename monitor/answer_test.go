package monitor

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

const (
	secret = "correct horse battery staple"
	nonce  = "9f86d081884c7d659a2feaa0c55ad015"
)

func TestNewNamesTheWrongOption(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{}, "monitor: Options.Services is empty: name the service that directors ask for"},
		{Options{Services: []string{""}}, `monitor: Options.Services has "" (1..128 bytes of printable ASCII wanted)`},
		{Options{Services: []string{"a", "a"}}, `monitor: Options.Services has "a" twice`},
		{Options{Services: []string{"a"}, Secret: []byte("short")}, "monitor: Options.Secret has 5 bytes (16..4096 wanted)"},
		{Options{Services: []string{"a"}, Secret: []byte{}}, "monitor: Options.Secret has 0 bytes (16..4096 wanted)"},
	} {
		if m, err := New(c.o); err == nil || err.Error() != c.want || m != nil {
			t.Errorf("error %v, wanted %s", err, c.want)
		}
	}
}

func TestRespond(t *testing.T) {
	open := func() *Monitor { return newMonitor(t, Options{Services: []string{"app", "mail"}}) }
	closed := func() *Monitor { return newMonitor(t, Options{Secret: []byte(secret)}) }
	for _, c := range []struct {
		name    string
		m       *Monitor
		request string
		want    string // INSTANCE and MAC stand for what differs
	}{
		{"a poll", open(), "MONITOR/1 poll target=192.0.2.21:80 service=app", `MONITOR/1 up service=app instance=INSTANCE seq=1`},
		{"a nonce that nobody needs", open(), "MONITOR/1 poll service=app nonce=" + nonce, `MONITOR/1 up service=app instance=INSTANCE seq=1`},
		{"another service", open(), "MONITOR/1 poll service=ghost", `MONITOR/1 down service=ghost instance=INSTANCE seq=1 reason="no such service"`},
		{"with a secret", closed(), "MONITOR/1 poll service=app nonce=" + nonce, `MONITOR/1 up service=app instance=INSTANCE seq=1 mac=MAC`},
		{"another service, with a secret", closed(), "MONITOR/1 poll service=ghost nonce=" + nonce, `MONITOR/1 down service=ghost instance=INSTANCE seq=1 reason="no such service" mac=MAC`},
		{"with a secret, without a nonce", closed(), "MONITOR/1 poll service=app", `MONITOR/1 error reason="nonce wanted"`},
		{"a watch", open(), "MONITOR/1 watch interval=500ms service=app", `MONITOR/1 error reason="the method watch is not supported (poll is: answers without a request come on a connection of the monitor's own only)"`},
		{"a watch, with a secret", closed(), "MONITOR/1 watch interval=500ms service=app", `MONITOR/1 error reason="the method watch is not supported (poll is: answers without a request come on a connection of the monitor's own only)"`},
		{"another version", open(), "MONITOR/2 poll service=app", `MONITOR/1 error reason="wrong version: the line begins with \"MONITOR/2\", wanted MONITOR/1"`},
		{"a malformed line", open(), "MONITOR/1 poll", `MONITOR/1 error reason="malformed line: service= is missing"`},
		{"another protocol", open(), "GET / HTTP/1.1", `MONITOR/1 error reason="not a MONITOR line: it is \"GET / HTTP/1.1\""`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := string(c.m.Respond([]byte(c.request)))
			got = regexp.MustCompile(`instance=[0-9a-f]{16}\b`).ReplaceAllString(got, "instance=INSTANCE")
			got = regexp.MustCompile(`mac=[0-9a-f]{64}$`).ReplaceAllString(got, "mac=MAC")
			if got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestAnswersAreSignedForTheRequest(t *testing.T) {
	key := []byte(secret)
	m := newMonitor(t, Options{Secret: key})
	clear(key) // the monitor has its own copy
	request := []byte("MONITOR/1 poll target=192.0.2.21:80 service=app nonce=" + nonce)
	answer := m.Respond(request)
	if a, err := wire.Accept(request, answer, "app", []byte(secret)); err != nil || a.State != wire.Up {
		t.Errorf("%s: %v", answer, err)
	}
	other := []byte(strings.Replace(string(request), nonce, strings.Repeat("0", 32), 1))
	if _, err := wire.Accept(other, answer, "app", []byte(secret)); !errors.Is(err, wire.ErrBadMAC) {
		t.Errorf("for another nonce: %v", err)
	}
}

func TestAnswerTellsAll(t *testing.T) {
	m := newMonitor(t, Options{Services: []string{"app", "mail"}})
	app := m.Service("app")
	if app.Name() != "app" || m.Service("ghost") != nil {
		t.Errorf("service %q, ghost %v", app.Name(), m.Service("ghost"))
	}
	request := []byte("MONITOR/1 poll service=app")
	instance := m.Answer("app").Instance

	// What was never said is not told.
	want := "MONITOR/1 up service=app instance=" + instance + " seq=2"
	if got := string(m.Respond(request)); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	app.SetState(Drain, "caf\u00e9\nclosed")
	app.SetWeight(80)
	app.ConnOpened()
	app.ConnOpened()
	app.ConnClosed()
	app.Served()
	app.Served()
	app.Failed()
	want = "MONITOR/1 drain service=app instance=" + instance + ` seq=3 weight=80 conns=1 served=2 failed=1 reason="caf? closed"`
	if got := string(m.Respond(request)); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	wantAnswer := Answer{
		State: Drain, Service: "app", Instance: instance, Seq: 4, Weight: 80, Conns: 1, Served: 2, Failed: 1, Reason: "caf? closed",
	}
	if diff := cmp.Diff(wantAnswer, m.Answer("app")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	// The other service is untouched, and its answer is of the same instance.
	wantAnswer = Answer{State: Up, Service: "mail", Instance: instance, Seq: 5, Weight: 100}
	if diff := cmp.Diff(wantAnswer, m.Answer("mail")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	m.SetState(Maint, "all of it")
	m.SetWeight(7)
	for _, name := range []string{"app", "mail"} {
		if a := m.Answer(name); a.State != Maint || a.Reason != "all of it" || a.Weight != 7 {
			t.Errorf("%s is %s %q weight %d", name, a.State, a.Reason, a.Weight)
		}
	}
}

func TestNumbersOutOfRange(t *testing.T) {
	m := newMonitor(t, Options{})
	app := m.Service("app")
	for set, want := range map[int]int{-1: 0, 0: 0, 100: 100, 101: 100} {
		app.SetWeight(set)
		if got := m.Answer("app").Weight; got != want {
			t.Errorf("weight %d is told as %d, wanted %d", set, got, want)
		}
	}
	app.ConnClosed() // one too many
	if got := m.Answer("app").Conns; got != 0 {
		t.Errorf("%d connections", got)
	}
}

func TestInstanceIsNewEachStart(t *testing.T) {
	seen := map[string]bool{}
	last := ""
	for range 50 {
		m := newMonitor(t, Options{})
		instance := m.Answer("app").Instance
		if seen[instance] || instance <= last {
			t.Fatalf("instance %s after %s", instance, last)
		}
		seen[instance], last = true, instance
	}
}

// A higher seq never tells an older state, whoever asks at the same moment.
func TestSeqAndStateAgree(t *testing.T) {
	m := newMonitor(t, Options{})
	app := m.Service("app")
	answers := make([][]Answer, 4)
	var asking sync.WaitGroup
	for i := range answers {
		asking.Go(func() {
			for range 500 {
				answers[i] = append(answers[i], m.Answer("app"))
			}
		})
	}
	for percent := range 101 {
		app.SetWeight(percent)
	}
	asking.Wait()
	bySeq := map[uint64]int{}
	for _, some := range answers {
		for _, a := range some {
			if _, twice := bySeq[a.Seq]; twice {
				t.Fatalf("seq %d was given twice", a.Seq)
			}
			bySeq[a.Seq] = a.Weight
		}
	}
	unsaid := true // 100 percent, before the first SetWeight
	weight := 0
	for seq := uint64(1); seq <= 2000; seq++ {
		got, given := bySeq[seq]
		if !given {
			t.Fatalf("seq %d is missing", seq)
		}
		if unsaid && got == 100 {
			continue
		}
		unsaid = false
		if got < weight {
			t.Fatalf("seq %d tells weight %d after %d", seq, got, weight)
		}
		weight = got
	}
}

func TestAgentLineSpeaksForAllServices(t *testing.T) {
	type said struct {
		state  State
		reason string
		weight int
	}
	for _, c := range []struct {
		app, mail said
		want      string
	}{
		{said{Up, "", 100}, said{Up, "", 100}, "up ready 100%"},
		{said{Up, "", 80}, said{Up, "", 30}, "up ready 30%"},
		{said{Up, "", 80}, said{Drain, "going", 100}, "up drain"},
		{said{Maint, "disk", 100}, said{Drain, "going", 100}, "maint"},
		{said{Maint, "disk", 100}, said{Starting, "cold", 100}, "down #starting"},
		{said{Starting, "cold", 100}, said{Down, "no disk", 100}, "down #no disk"},
		{said{Down, "", 100}, said{Up, "", 100}, "down"},
	} {
		m := newMonitor(t, Options{Services: []string{"app", "mail"}})
		for name, s := range map[string]said{"app": c.app, "mail": c.mail} {
			m.Service(name).SetState(s.state, s.reason)
			m.Service(name).SetWeight(s.weight)
		}
		if got := string(m.agentLine()); got != c.want {
			t.Errorf("%+v and %+v: %q, wanted %q", c.app, c.mail, got, c.want)
		}
	}
}

// Any bytes are answered with one line that a director can read.
func FuzzRespond(f *testing.F) {
	for _, line := range []string{
		"", "MONITOR/1 poll service=app", "MONITOR/1 poll service=app nonce=" + nonce, "MONITOR/1 watch service=app",
		`MONITOR/1 poll service="\"\\"`, "MONITOR/2", "GET / HTTP/1.1", "MONITOR/1 poll service=" + strings.Repeat("x", 128),
		`MONITOR/1 poll service="` + strings.Repeat(`\"`, 128) + `"`,
	} {
		f.Add([]byte(line), true)
		f.Add([]byte(line), false)
	}
	f.Fuzz(func(t *testing.T, request []byte, withSecret bool) {
		var o Options
		if withSecret {
			o.Secret = []byte(secret)
		}
		m := newMonitor(t, o)
		answer := m.Respond(request)
		a, err := wire.ParseAnswer(answer)
		if _, refused := errors.AsType[*wire.RefusalError](err); err != nil && !refused {
			t.Fatalf("%q is answered with %q: %v", request, answer, err)
		}
		if err == nil && withSecret {
			if _, err := wire.Accept(request, answer, a.Service, []byte(secret)); err != nil {
				t.Fatalf("%q is answered with %q: %v", request, answer, err)
			}
		}
	})
}

func BenchmarkRespond(b *testing.B) {
	for _, o := range []Options{{}, {Secret: []byte(secret)}} {
		b.Run(fmt.Sprintf("secret=%t", o.Secret != nil), func(b *testing.B) {
			m := newMonitor(b, o)
			request := []byte("MONITOR/1 poll target=192.0.2.21:80 service=app nonce=" + nonce)
			for b.Loop() {
				m.Respond(request)
			}
		})
	}
}
