package monitor

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestManyRequestsOnOneConnection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, l := newMonitor(t, Options{Services: []string{"app", "mail"}}), newPipes()
		serve(t, m, l)
		p := l.dial(t)
		wantPrefix(t, p.poll(), "MONITOR/1 up service=app ")
		time.Sleep(60 * time.Second) // a program keeps it idle for that long at least
		wantPrefix(t, p.poll(), "MONITOR/1 up service=app ")
		p.write("MONITOR/1 poll service=mail\r\n") // either line end will do
		wantPrefix(t, p.line(), "MONITOR/1 up service=mail ")
		// A refusal that is no fault of the line's leaves the connection as it is.
		p.write("MONITOR/1 subscribe service=app\n")
		wantPrefix(t, p.line(), `MONITOR/1 error reason="the method subscribe is not supported (poll and watch are)"`)
		// Several at once, the last in two pieces.
		go p.write("MONITOR/1 poll service=mail\nMONITOR/1 poll service=app\nMONITOR/1 poll ser")
		wantPrefix(t, p.line(), "MONITOR/1 up service=mail ")
		wantPrefix(t, p.line(), "MONITOR/1 up service=app ")
		p.write("vice=mail\n")
		wantPrefix(t, p.line(), "MONITOR/1 up service=mail ")
	})
}

// How long a peer may take, on a connection of its own each.
func TestTimeIsBounded(t *testing.T) {
	asked := "MONITOR/1 poll service=app\n"
	for _, c := range []struct {
		name  string
		agent AgentLine
		sends []string // the first at once, each further one a second after the one before
		reads string   // the beginnings of the lines that come, in lines
		after time.Duration
	}{
		{"silent, with the agent line", AgentLineOn, nil, "up ready 100%\n", firstByteTime},
		{"silent, without it", AgentLineOff, nil, "", lineTime},
		{"a line that stops", AgentLineOn, []string{"MONITOR/1 po"}, "", lineTime},
		{"a line that drips", AgentLineOff, []string{"M", "O", "N", "I", "T"}, "", lineTime},
		{"idle after a request", AgentLineOn, []string{asked}, "MONITOR/1 up \n", idleTime},
		{"a second line that stops", AgentLineOn, []string{asked, "MONITOR/1 po"}, "MONITOR/1 up \n", time.Second + lineTime},
		{"a second line that stops at once", AgentLineOn, []string{asked + "MONITOR/1 po"}, "MONITOR/1 up \n", lineTime},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m, l := newMonitor(t, Options{AgentLine: c.agent}), newPipes()
				serve(t, m, l)
				p := l.dial(t)
				began := time.Now()
				go func() {
					for i, text := range c.sends {
						if i > 0 {
							time.Sleep(time.Second)
						}
						if _, err := io.WriteString(p.Conn, text); err != nil {
							return // the monitor has had enough
						}
					}
				}()
				for want := range strings.Lines(c.reads) {
					wantPrefix(t, p.line(), strings.TrimSuffix(want, "\n"))
				}
				p.wantEnd()
				if after := time.Since(began); after != c.after {
					t.Errorf("ended after %s, wanted %s", after, c.after)
				}
			})
		})
	}
}

func TestAPeerThatTakesNoAnswerLosesItsConnectionOnly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, l := newMonitor(t, Options{}), newPipes()
		serve(t, m, l)
		stubborn, other := l.dial(t), l.dial(t)
		stubborn.write("MONITOR/1 poll service=app\n") // and never reads
		wantPrefix(t, other.poll(), "MONITOR/1 up ")
		time.Sleep(writeTime + time.Millisecond)
		stubborn.wantEnd()
		wantPrefix(t, other.poll(), "MONITOR/1 up ")
	})
}

func TestWhatIsNotARequestEndsTheConnection(t *testing.T) {
	for _, c := range []struct {
		name  string
		agent AgentLine
		sends string
		reads string
	}{
		{"HAProxy's agent-send", AgentLineOn, "how are you\n", "up ready 100%"},
		{"HTTP", AgentLineOn, "GET / HTTP/1.1\r\n", "up ready 100%"},
		{"no agent line", AgentLineOff, "how are you\n", `MONITOR/1 error reason="not a MONITOR line: it is \"how are you\""`},
		{"malformed", AgentLineOn, "MONITOR/1 poll\n", `MONITOR/1 error reason="malformed line: service= is missing"`},
		{"another version", AgentLineOn, "MONITOR/2 poll\n", `MONITOR/1 error reason="wrong version: the line begins with \"MONITOR/2\", wanted MONITOR/1"`},
		{"overlong", AgentLineOn, "MONITOR/1 poll service=" + strings.Repeat("x", 1001), `MONITOR/1 error reason="line longer than 1024 bytes"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m, l := newMonitor(t, Options{AgentLine: c.agent}), newPipes()
				serve(t, m, l)
				p := l.dial(t)
				p.write(c.sends)
				if got := p.line(); got != c.reads {
					t.Errorf("\n got %s\nwant %s", got, c.reads)
				}
				p.wantEnd()
			})
		})
	}
}

// The agent line is for a connection's first line only, and off by itself where there is a secret.
func TestWhoGetsAnAgentLine(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, l := newMonitor(t, Options{}), newPipes()
		serve(t, m, l)
		p := l.dial(t)
		p.poll()
		p.write("up?\n")
		wantPrefix(t, p.line(), `MONITOR/1 error reason="not a MONITOR line: it is \"up?\""`)
		p.wantEnd()
	})
	for _, c := range []struct {
		o    Options
		want bool
	}{
		{Options{}, true},
		{Options{AgentLine: AgentLineOff}, false},
		{Options{Secret: []byte(secret)}, false},
		{Options{Secret: []byte(secret), AgentLine: AgentLineOn}, true},
	} {
		if got := newMonitor(t, c.o).agent; got != c.want {
			t.Errorf("%+v: agent line %t, wanted %t", c.o, got, c.want)
		}
	}
}

// A peer that asks without end has to wait; the others don't.
func TestAHastyPeerIsHeldBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, l := newMonitor(t, Options{}), newPipes()
		serve(t, m, l)
		hasty, other := l.dial(t), l.dial(t)
		began := time.Now()
		for range maxRate {
			hasty.poll()
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("%d requests took %s", maxRate, took)
		}
		hasty.write("MONITOR/1 poll service=app\n")
		synctest.Wait()
		wantPrefix(t, other.poll(), "MONITOR/1 up ")
		if took := time.Since(began); took != 0 {
			t.Errorf("the other one waited %s", took)
		}
		hasty.line()
		if took := time.Since(began); took != time.Second {
			t.Errorf("%d requests took %s, wanted 1s", maxRate+1, took)
		}
		for range maxRate - 1 {
			hasty.poll()
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("%d requests took %s, wanted 1s", 2*maxRate, took)
		}
		// Held back or not, it does not hold up the end.
		hasty.write("MONITOR/1 poll service=app\n")
	})
}
