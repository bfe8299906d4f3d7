package checker

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// The words of an agent, line by line: each changes only what it mentions.
func TestAgentWords(t *testing.T) {
	up := func(percent int, most Optional, reason string) Result {
		return Result{Answer: Success, Percent: percent, MaxConnections: most, Reason: reason}
	}
	with := func(r Result, m Mode) Result { r.Mode = m; return r }
	var none Optional
	type said struct {
		line string
		want Result
	}
	for _, c := range []struct {
		name  string
		lines []said
	}{
		{"up", []said{{"up", up(100, none, "")}}},
		{"a percentage stays", []said{
			{"75%", up(75, none, "agent says up with 75% of its weight")},
			{"up # all is well", up(75, none, "agent says up with 75% of its weight: all is well")},
			{"ready", up(75, none, "agent says up with 75% of its weight")},
			{"100%", up(100, none, "")},
		}},
		{"more than all is all", []said{{"150%", up(100, none, "")}, {"9999999999%", up(100, none, "")}}},
		{"0 % is no drain", []said{{"up 0%", up(0, none, "agent says up with 0% of its weight")}}},
		{"connections stay", []said{
			{"maxconn:30", up(100, Some(30), "")},
			{"up", up(100, Some(30), "")},
			{"maxconn:0", up(100, Some(0), "")},
			{"maxconn:9999999999", up(100, Some(maxConnections), "")},
		}},
		{"down, and up again", []said{
			{"50% maxconn:30", up(50, Some(30), "agent says up with 50% of its weight")},
			{"down # disk full", refused("agent says down: disk full")},
			{"80%", refused("agent says down")},
			{"up", up(80, Some(30), "agent says up with 80% of its weight")},
		}},
		{"stopped", []said{{"stopped", refused("agent says stopped")}, {"up", up(100, none, "")}}},
		{"fail", []said{{"fail #x", refused("agent says fail: x")}, {"ready", refused("agent says fail")}}},
		{"drain until ready", []said{
			{"drain", with(up(100, none, "agent says drain"), Draining)},
			{"up 50%", with(up(50, none, "agent says drain"), Draining)},
			{"down", refused("agent says down")},
			{"up", with(up(50, none, "agent says drain"), Draining)},
			{"ready", up(50, none, "agent says up with 50% of its weight")},
		}},
		{"maint until ready, whatever else", []said{
			{"maint # rebuilding", with(up(100, none, "agent says maint: rebuilding"), Maintenance)},
			{"down", with(up(100, none, "agent says maint"), Maintenance)},
			{"ready", refused("agent says down")},
			{"up drain", with(up(100, none, "agent says drain"), Draining)},
		}},
	} {
		var words agentWords
		for _, l := range c.lines {
			line, err := wire.ParseAgent([]byte(l.line))
			if err != nil {
				t.Fatal(err)
			}
			words.hear(time.Unix(1, 0), line)
			if diff := cmp.Diff(l.want, words.result()); diff != "" {
				t.Errorf("%s, %q:\n%s", c.name, l.line, diff)
			}
		}
	}
}

// An agent that falls silent leaves its last word standing for a time; then it has said
// nothing.
func TestASilentAgent(t *testing.T) {
	const expires = time.Minute
	start := time.Date(2026, 3, 1, 22, 14, 5, 0, time.Local)
	line, err := wire.ParseAgent([]byte("maint 50% maxconn:3"))
	if err != nil {
		t.Fatal(err)
	}
	var words agentWords
	at := func(after time.Duration, answer Answer, reason string) {
		t.Helper()
		r := words.silent(start.Add(after), expires, "connection refused")
		expect(t, r, answer, reason)
		if r.Mode != Serving || r.Percent != 100 || r.MaxConnections.Given {
			t.Errorf("a silent agent asks for something: %+v", r)
		}
	}
	const gone = "the agent is silent since 22:14:05, its last word expired after 1m0s: connection refused"
	at(0, Success, "the agent was never heard: connection refused")
	words.hear(start, line)
	at(0, Inconclusive, "the agent is silent since 22:14:05, its last word stands: connection refused")
	at(expires-1, Inconclusive, "the agent is silent since 22:14:05, its last word stands: connection refused")
	at(expires, Success, gone)
	at(0, Inconclusive, "the agent is silent since 22:14:05, its last word stands: connection refused") // the clock was set back
	at(time.Hour, Success, gone)
	// What expired is forgotten: only what a new line mentions counts.
	line, err = wire.ParseAgent([]byte("up"))
	if err != nil {
		t.Fatal(err)
	}
	words.hear(start.Add(2*time.Hour), line)
	if diff := cmp.Diff(success(), words.result()); diff != "" {
		t.Error(diff)
	}
}

// What is no line of an agent is silence, and never a failure of the server.
func TestAgent(t *testing.T) {
	const never = "the agent was never heard: "
	for _, c := range []struct {
		name   string
		handle func(net.Conn)
		timing Timing
		answer Answer
		reason string
	}{
		{"a line", telling("down # disk full\n"), patient, Refusal, "agent says down: disk full"},
		{"a line of telnet", telling("down\r\n"), patient, Refusal, "agent says down"},
		{"a line that ends with a carriage return", telling("down\rmore"), patient, Refusal, "agent says down"},
		{"a line that ends with the connection", hangingUp("down"), patient, Refusal, "agent says down"},
		{"in pieces", func(c net.Conn) {
			for _, b := range []byte("down #x\n") {
				_, _ = c.Write([]byte{b})
			}
			silent(c)
		}, patient, Refusal, "agent says down: x"},
		{"the first of two lines", telling("down\nup\n"), patient, Refusal, "agent says down"},
		{"silence", silent, hasty, Success, never + "no answer within 1s"},
		{"closing at once", hangingUp(""), patient, Success, never + "connection closed while waiting for the answer"},
		{"reset", func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }, patient, Success, ""}, // when depends
		{"garbage", telling("SSH-2.0-OpenSSH_9.2\r\n"), patient, Success, ""},
		{"nothing but an end", telling("\n"), patient, Success, ""},
		{"dripping", dripping("", 'a'), hasty, Success, never + "no end of the answer within 1s"},
		{"flooding", flooding("", "aaaaaaaa"), patient, Success, never + "its line is longer than 1024 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := once(Spec{Target: serve(t, c.handle), Options: Agent{Expires: time.Minute}, Timing: c.timing})
			if c.reason == "" && strings.HasPrefix(r.Reason, never) {
				r.Reason = ""
			}
			expect(t, r, c.answer, c.reason)
		})
	}
	expect(t, once(Spec{Target: nobodyThere(t), Options: Agent{Expires: time.Minute}, Timing: patient}), Success, never+"connection refused")
}

// What the agent is to be sent it gets, and what it said is remembered from run to run.
func TestAgentRemembers(t *testing.T) {
	lines := make(chan string, 1)
	target := serve(t, func(c net.Conn) {
		got := make([]byte, len("hello\n"))
		if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello\n" {
			t.Errorf("the agent got %q and %v", got, err)
		}
		_, _ = io.WriteString(c, <-lines)
	})
	p, err := prepare(Spec{Target: target, Options: Agent{Send: "hello\n", Expires: time.Minute}, Timing: patient}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		line, reason string
		answer       Answer
	}{
		{"down\n", "agent says down", Refusal},
		{"50%\n", "agent says down", Refusal},
		{"up\n", "agent says up with 50% of its weight", Success},
	} {
		lines <- c.line
		expect(t, p.run(t.Context(), nil), c.answer, c.reason)
	}
	lines <- ""
	now := time.Now()
	p.(*agent).now = func() time.Time { return now.Add(2 * time.Minute) }
	if r := p.run(t.Context(), nil); r.Answer != Success || !strings.Contains(r.Reason, "expired after 1m0s: connection closed while waiting for the answer") {
		t.Errorf("%+v", r)
	}
}
