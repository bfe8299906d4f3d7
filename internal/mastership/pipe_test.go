package mastership

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pair returns the process's end of a pipe and the daemon's descriptor.
func pair(t *testing.T) (*pipe, int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fds[0]); _ = unix.Close(fds[1]) })
	return &pipe{fd: fds[0]}, fds[1]
}

func write(t *testing.T, fd int, text string) {
	t.Helper()
	if _, err := unix.Write(fd, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func TestOrdersArriveInPieces(t *testing.T) {
	p, daemon := pair(t)
	for _, step := range []struct {
		written string
		pings   []uint64
	}{
		{"", nil},
		{`{"ping":1}`, nil},
		{"\n" + `{"ping":2}` + "\n" + `{"pi`, []uint64{1, 2}},
		{`ng":3}` + "\n", []uint64{3}},
	} {
		if step.written != "" {
			write(t, daemon, step.written)
		}
		orders, err := p.orders()
		if err != nil || len(orders) != len(step.pings) || p.broken {
			t.Fatalf("after %q: %v, %v", step.written, orders, err)
		}
		for i, o := range orders {
			if o.Ping != step.pings[i] {
				t.Errorf("after %q: %+v, want ping %d", step.written, o, step.pings[i])
			}
		}
	}
}

// What the daemon said before it went is still obeyed.
func TestTheEndOfThePipe(t *testing.T) {
	p, daemon := pair(t)
	write(t, daemon, `{"stop":true}`+"\n")
	if err := unix.Shutdown(daemon, unix.SHUT_RDWR); err != nil {
		t.Fatal(err)
	}
	orders, err := p.orders()
	if err != nil || len(orders) != 1 || !orders[0].Stop || !p.broken {
		t.Errorf("%v, %v, broken %v", orders, err, p.broken)
	}
	if !p.report(Report{Pong: 1}, false) {
		t.Error("a report to nobody is not told as dropped")
	}
}

func TestAnOrderThatIsNotUnderstood(t *testing.T) {
	p, daemon := pair(t)
	write(t, daemon, "nonsense\n"+`{"ping":7}`+"\n")
	orders, err := p.orders()
	if err == nil || len(orders) != 1 || orders[0].Ping != 7 {
		t.Errorf("%v, %v", orders, err)
	}
}

// A daemon that does not read costs news, and never the process's time or memory; answers
// wait for it.
func TestADaemonThatDoesNotRead(t *testing.T) {
	p, daemon := pair(t)
	news := Report{Warning: &RouterWarning{Warning: strings.Repeat("x", 10_000)}}
	dropped := 0
	for range 1000 {
		if p.report(news, true) {
			dropped++
		}
	}
	if dropped == 0 || len(p.out) > maxUnsent+20_000 {
		t.Fatalf("%d dropped, %d bytes wait", dropped, len(p.out))
	}
	if p.report(Report{Pong: 42}, false) {
		t.Fatal("an answer was dropped")
	}
	var read strings.Builder
	buf := make([]byte, 1<<20)
	for {
		n, err := unix.Read(daemon, buf)
		read.Write(buf[:max(0, n)])
		if err != nil {
			if len(p.out) == 0 {
				break
			}
			p.flush()
		}
	}
	if lines := strings.Count(read.String(), "\n"); lines != 1000-dropped+1 || !strings.HasSuffix(read.String(), `{"pong":42}`+"\n") {
		t.Errorf("%d lines read, %d dropped", lines, dropped)
	}
}

// The end of the daemon is noticed wherever it shows first, also when a report can't be
// written any more.
func TestAnOrphanHandsOver(t *testing.T) {
	for name, end := range map[string]func(l *loop, daemon int){
		"the pipe ends":             func(_ *loop, daemon int) { _ = unix.Shutdown(daemon, unix.SHUT_RDWR) },
		"a report is not delivered": func(l *loop, _ int) { l.pipe.broken = true },
	} {
		t.Run(name, func(t *testing.T) {
			p, daemon := pair(t)
			l := &loop{pipe: p, orphan: newOrphanLog(), pinged: time.Now()}
			l.obey(time.Now())
			if l.leaving {
				t.Fatal("it leaves while the daemon is there")
			}
			end(l, daemon)
			l.obey(time.Now())
			if !l.leaving || !l.orphaned {
				t.Error("it does not leave")
			}
			l.orphan.close()
		})
	}
}
