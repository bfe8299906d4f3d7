package checker

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// talking answers each request of a connection with what answer makes of it, and counts
// the connections.
func talking(t *testing.T, count *atomic.Int32, answer func(n int, request string, c net.Conn) string) netip.AddrPort {
	return serve(t, func(c net.Conn) {
		count.Add(1)
		lines := bufio.NewReader(c)
		for n := 1; ; n++ {
			request, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			reply := answer(n, strings.TrimSuffix(request, "\n"), c)
			if reply == "" {
				return
			}
			if _, err := io.WriteString(c, reply); err != nil {
				return
			}
		}
	})
}

const upLine = "MONITOR/1 up service=a instance=i seq=1\n"

// pollOf is a poll that keeps its connection.
func pollOf(t *testing.T, target netip.AddrPort, secrets ...[]byte) *poll {
	t.Helper()
	timing := patient
	timing.Interval = 20 * time.Second
	p, err := prepareMonitor(Spec{Target: target, Timing: timing}, Monitor{Server: theServer, Service: "a", Secrets: secrets}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.(*poll).letGo)
	return p.(*poll)
}

// again runs a poll as often, each run with a context of its own.
func again(t *testing.T, p *poll, times int) (last Result) {
	t.Helper()
	for range times {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		last = p.run(ctx, nil)
		cancel()
		if last.Answer != Success {
			t.Fatalf("%+v", last)
		}
	}
	return last
}

func TestAPollKeepsItsConnection(t *testing.T) {
	for _, secrets := range [][][]byte{nil, {newSecret}} {
		var conns atomic.Int32
		target := talking(t, &conns, func(_ int, request string, _ net.Conn) string {
			return signing("MONITOR/1 up service=a instance=i seq=1", newSecret)(request)
		})
		if r := again(t, pollOf(t, target, secrets...), 5); r.Instance != "i" {
			t.Errorf("instance %q", r.Instance)
		}
		if n := conns.Load(); n != 1 {
			t.Errorf("5 polls on %d connections", n)
		}
	}
}

// An end of stream on a reused connection before any byte of an answer doesn't count.
func TestAKeptConnectionThatEnds(t *testing.T) {
	for name, end := range map[string]func(net.Conn){
		"closed":     func(c net.Conn) { c.Close() },
		"half":       func(c net.Conn) { _ = c.(*net.TCPConn).CloseWrite() },
		"reset":      func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); c.Close() },
		"a greeting": func(c net.Conn) { _, _ = io.WriteString(c, upLine) },
	} {
		t.Run(name, func(t *testing.T) {
			var conns atomic.Int32
			peers := make(chan net.Conn, 10)
			target := talking(t, &conns, func(_ int, _ string, c net.Conn) string { peers <- c; return upLine })
			p := pollOf(t, target)
			again(t, p, 1)
			end(<-peers)
			(&conn{fd: p.kept.conn.fd}).readable(t) // what happened has arrived
			again(t, p, 1)
			if n := conns.Load(); n != 2 {
				t.Errorf("%d connections", n)
			}
		})
		if name == "a greeting" { // when asked, it is an answer
			continue
		}
		t.Run(name+" when asked", func(t *testing.T) {
			var conns atomic.Int32
			target := talking(t, &conns, func(n int, _ string, c net.Conn) string {
				if n == 2 {
					end(c)
					return ""
				}
				return upLine
			})
			again(t, pollOf(t, target), 2)
			if n := conns.Load(); n != 2 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

// Whatever is not one good answer and nothing else ends the connection.
func TestConnectionsThatAreNotKept(t *testing.T) {
	for name, reply := range map[string]string{
		"something behind": upLine + "x", "another service": strings.Replace(upLine, "=a", "=b", 1),
		"malformed": "MONITOR/1 up\n", "refused": "MONITOR/1 error\n",
	} {
		var conns atomic.Int32
		target := talking(t, &conns, func(int, string, net.Conn) string { return reply })
		p := pollOf(t, target)
		p.run(t.Context(), nil)
		p.run(t.Context(), nil)
		if n := conns.Load(); n != 2 || p.kept.conn != nil {
			t.Errorf("%s: %d connections for 2 polls", name, n)
		}
	}
}

// A half answer on a reused connection is a failure: the program was there.
func TestAKeptConnectionThatBreaksOff(t *testing.T) {
	var conns atomic.Int32
	target := talking(t, &conns, func(n int, _ string, c net.Conn) string {
		if n == 2 {
			_, _ = io.WriteString(c, "MONITOR/1 up")
			return ""
		}
		return upLine
	})
	p := pollOf(t, target)
	again(t, p, 1)
	r := p.run(t.Context(), nil)
	expect(t, r, Failure, "connection closed in the middle of the answer")
	if conns.Load() != 1 || p.kept.conn != nil {
		t.Errorf("%d connections", conns.Load())
	}
}

func TestAKeptConnectionWithoutAnAnswer(t *testing.T) {
	var conns atomic.Int32
	target := talking(t, &conns, func(n int, _ string, c net.Conn) string {
		if n == 2 {
			silent(c)
		}
		return upLine
	})
	p := pollOf(t, target)
	p.timeout = 300 * time.Millisecond
	again(t, p, 1)
	ctx, cancel := context.WithTimeout(t.Context(), p.timeout)
	defer cancel()
	r := p.run(ctx, nil)
	expect(t, r, Failure, "no answer within 300ms")
	if r.Silence <= 0 || conns.Load() != 1 || p.kept.conn != nil {
		t.Errorf("silence %v, %d connections", r.Silence, conns.Load())
	}
}

// A connection is closed when it was idle for long, at the end of its check, and at the
// end of a run that was cut short; and where the interval is long none is kept.
func TestKeptConnectionsAreClosed(t *testing.T) {
	var conns atomic.Int32
	target := talking(t, &conns, func(int, string, net.Conn) string { return upLine })
	p := pollOf(t, target)
	again(t, p, 1)
	p.kept.since = p.kept.since.Add(-maxIdle - time.Second)
	again(t, p, 1)
	if n := conns.Load(); n != 2 {
		t.Errorf("%d connections where one was too old", n)
	}

	c := p.kept.conn
	p.letGo()
	if _, err := c.Read(make([]byte, 1)); err == nil || p.kept.conn != nil {
		t.Error("the connection is open at the end")
	}
	again(t, p, 2)
	if n := conns.Load(); n != 4 || p.kept.conn != nil {
		t.Errorf("%d connections: one was kept after the end", n)
	}

	brief := pollOf(t, target)
	brief.brief = true
	if again(t, brief, 1); brief.kept.conn != nil {
		t.Error("a connection is kept for a long interval")
	}
	if p, err := prepareMonitor(Spec{Target: target, Timing: patient}, Monitor{Server: theServer, Service: "a"}, Config{}); err != nil || !p.(*poll).brief {
		t.Errorf("an interval of %s is not long (%v)", patient.Interval, err)
	}
}

func TestARunThatIsCutShortKeepsNothing(t *testing.T) {
	var conns atomic.Int32
	asked := make(chan bool)
	target := talking(t, &conns, func(n int, _ string, c net.Conn) string {
		if n == 2 {
			asked <- true
			silent(c)
		}
		return upLine
	})
	p := pollOf(t, target)
	again(t, p, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	expect(t, p.run(ctx, nil), Inconclusive, "interrupted while waiting for the answer")
	if p.kept.conn != nil {
		t.Error("the connection is kept")
	}
}

// A run's context that ends after the run has no hold on what was kept.
func TestAKeptConnectionOutlivesItsRun(t *testing.T) {
	var conns atomic.Int32
	target := talking(t, &conns, func(int, string, net.Conn) string { return upLine })
	p := pollOf(t, target)
	ctx, cancel := context.WithCancel(t.Context())
	p.run(ctx, nil)
	cancel()
	if again(t, p, 3); conns.Load() != 1 {
		t.Errorf("%d connections", conns.Load())
	}
	if n, err := unix.FcntlInt(uintptr(p.kept.conn.fd), unix.F_GETFD, 0); err != nil || n&unix.FD_CLOEXEC == 0 {
		t.Errorf("flags %d: %v", n, err)
	}
}

func TestRunOnceKeepsNothing(t *testing.T) {
	var conns atomic.Int32
	ended := make(chan bool, 1)
	target := serve(t, func(c net.Conn) {
		conns.Add(1)
		_, _ = bufio.NewReader(c).ReadString('\n')
		_, _ = io.WriteString(c, upLine)
		silent(c)
		ended <- true
	})
	timing := patient
	timing.Interval, timing.Timeout, timing.FastInterval = time.Second, time.Second, time.Second
	r := once(Spec{Target: target, Options: Monitor{Server: theServer, Service: "a"}, Timing: timing})
	expect(t, r, Success, "")
	<-ended
}

// An agent's line on a kept connection is asked about once more, like any.
func TestAnAgentOnAKeptConnection(t *testing.T) {
	var conns atomic.Int32
	target := talking(t, &conns, func(n int, _ string, _ net.Conn) string {
		if n == 2 {
			return "up ready\n"
		}
		return upLine
	})
	if again(t, pollOf(t, target), 2); conns.Load() != 2 {
		t.Errorf("%d connections", conns.Load())
	}
}
