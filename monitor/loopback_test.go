package monitor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// listen opens a real socket.
func listen(t testing.TB, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func dial(t testing.TB, l net.Listener) *peer {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil { // a test that fails need not hang
		t.Fatal(err)
	}
	return newPeer(t, c)
}

func TestRealSocketsOfBothFamilies(t *testing.T) {
	m, four, six := newMonitor(t, Options{Leave: -1}), listen(t, "127.0.0.1:0"), listen(t, "[::1]:0")
	serve(t, m, four, six)
	for _, l := range []net.Listener{four, six} {
		p := dial(t, l)
		for range 3 {
			wantPrefix(t, p.poll(), "MONITOR/1 up service=app ")
		}
	}
}

// Whoever is told goodbye gets that line even if he had more to say: it is not lost to a reset.
func TestTheLastLineArrives(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	serve(t, newMonitor(t, Options{Leave: -1}), l)
	for sends, want := range map[string]string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + strings.Repeat("x", 3000): "up ready 100%\n",
		"MONITOR/1 poll\n" + strings.Repeat("x", 3000):                  "MONITOR/1 error reason=\"malformed line: service= is missing\"\n",
		strings.Repeat("x", 30000):                                      "MONITOR/1 error reason=\"line longer than 1024 bytes\"\n",
	} {
		p := dial(t, l)
		p.write(sends)
		if got, err := io.ReadAll(p.r); err != nil || string(got) != want {
			t.Errorf("%.20q: %q, error %v", sends, got, err)
		}
	}
}

func TestManyPeersAtOnce(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	m := newMonitor(t, Options{Leave: -1})
	serve(t, m, l)
	var asking sync.WaitGroup
	for range maxConns {
		p := dial(t, l)
		asking.Go(func() {
			for range 20 {
				if _, err := io.WriteString(p.Conn, "MONITOR/1 poll service=app\n"); err != nil {
					t.Error(err)
					return
				}
				if line, err := p.r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "MONITOR/1 up ") {
					t.Errorf("%q, error %v", line, err)
					return
				}
			}
		})
	}
	asking.Wait()
	if seq := m.Answer("app").Seq; seq != 20*maxConns+1 {
		t.Errorf("seq %d, wanted %d", seq, 20*maxConns+1)
	}
}

func TestListenAndServe(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	defer l.Close()
	err := newMonitor(t, Options{}).ListenAndServe(t.Context(), l.Addr().String())
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.HasPrefix(err.Error(), "monitor: listen tcp 127.0.0.1:") {
		t.Errorf("on a port that is taken: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := newMonitor(t, Options{})
	if err := m.ListenAndServe(ctx, "127.0.0.1:0"); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

// A watch over a real socket: at once, each interval, at once on a change, and at the end.
func TestAWatchOverARealSocket(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	m := newMonitor(t, Options{})
	served := make(chan error, 1)
	go func() { served <- m.Serve(context.Background(), l) }()
	p, slow := dial(t, l), dial(t, l)
	p.write("MONITOR/1 watch interval=20ms service=app\n")
	slow.write("MONITOR/1 watch interval=3600s service=app\n")
	wantPrefix(t, slow.line(), "MONITOR/1 up ")
	for range 5 {
		wantPrefix(t, p.line(), "MONITOR/1 up ")
	}
	m.SetState(Down, "disk full")
	wantPrefix(t, slow.line(), "MONITOR/1 down ")
	m.SetState(Up, "")
	wantPrefix(t, slow.line(), "MONITOR/1 up ")
	beat := m.Beat("worker", 30*time.Millisecond)
	beat.Beat()
	if got := slow.line(); !strings.Contains(got, "MONITOR/1 down ") || !strings.Contains(got, "stuck: worker") {
		t.Error(got)
	}
	beat.Idle()
	wantPrefix(t, slow.line(), "MONITOR/1 up ")
	closed := make(chan error, 1)
	go func() { closed <- m.Close() }()
	wantPrefix(t, slow.line(), "MONITOR/1 maint ")
	slow.wantEnd()
	if err := errors.Join(<-closed, <-served); err != nil {
		t.Error(err)
	}
}

// A director that is told and never reads loses its connection when the little that waits for it is full. The others
// are told as before.
func TestADirectorThatReadsNothingIsLetGo(t *testing.T) {
	t.Parallel()
	l := listen(t, "127.0.0.1:0")
	m := newMonitor(t, Options{Leave: -1})
	m.SetState(Down, strings.Repeat("x", 250)) // to be sooner there
	serve(t, m, l)
	deaf, other := dial(t, l), dial(t, l)
	if err := deaf.Conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	deaf.write("MONITOR/1 watch interval=10ms service=app\n")
	other.write("MONITOR/1 watch interval=10ms service=app\n")
	for m.room.watchers.Load() < 2 {
		wantPrefix(t, other.line(), "MONITOR/1 down ")
	}
	for m.room.watchers.Load() == 2 { // for the 5 seconds that it has to take an answer, and a little
		wantPrefix(t, other.line(), "MONITOR/1 down ")
	}
	wantPrefix(t, other.line(), "MONITOR/1 down ")
}

// Directors that come, watch, renew and go, while everything changes.
func TestManyWatchersAtOnce(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	m := newMonitor(t, Options{Services: []string{"app", "mail"}, Leave: -1})
	serve(t, m, l)
	stop := make(chan struct{})
	var changing, watching sync.WaitGroup
	changing.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				m.SetWeight(i % 100)
				m.Service("mail").SetState(State(1+i%5), "")
				b := m.Beat("worker", time.Hour)
				b.Beat()
				b.Remove()
			}
		}
	})
	for i := range maxConns / 2 {
		watching.Go(func() {
			for range 4 {
				c, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				r := bufio.NewReader(c)
				for _, service := range []string{"app", "mail", "ghost"} {
					if _, err := fmt.Fprintf(c, "MONITOR/1 watch interval=%dms service=%s\n", 10+i, service); err != nil {
						t.Error(err)
					}
					for seen := 0; seen < 3; {
						line, err := r.ReadString('\n')
						if err != nil {
							t.Error(err)
							break
						}
						if strings.Contains(line, "service="+service+" ") {
							seen++
						}
					}
				}
				c.Close()
			}
		})
	}
	watching.Wait()
	close(stop)
	changing.Wait()
	p := dial(t, l)
	for m.room.watchers.Load() > 0 { // a connection's end is seen a little later
		p.poll()
	}
}

// What an answer to a watch costs: the look, the line, and a write to a socket that somebody reads.
func BenchmarkWatch(b *testing.B) {
	for _, o := range []Options{{}, {Secret: []byte(secret)}} {
		b.Run(fmt.Sprintf("secret=%t", o.Secret != nil), func(b *testing.B) {
			l := listen(b, "127.0.0.1:0")
			m := newMonitor(b, Options{Secret: o.Secret, Leave: -1})
			p := dial(b, l)
			go func() { _, _ = io.Copy(io.Discard, p.Conn) }()
			accepted, err := l.Accept()
			if err != nil {
				b.Fatal(err)
			}
			c := newConn(accepted)
			defer c.Close()
			m.room.enter(c)
			line := []byte(watchApp + " nonce=" + nonce)
			request, err := wire.ParseRequest(line)
			if err == nil {
				err = m.beginWatch(c, line, request)
			}
			b.ReportAllocs()
			for b.Loop() && err == nil {
				c.watch.due = time.Time{}
				if err = m.look(c); err == nil {
					err = c.arm()
				}
			}
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}

// What memory a program takes that is watched by one director: with its Monitor, its listener's goroutine and both ends'
// sockets, but for the kernel's part.
func BenchmarkWatchedMonitors(b *testing.B) {
	const monitors = 2000
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		var all []*Monitor
		var served sync.WaitGroup
		for range monitors {
			m, l := newMonitor(b, Options{Leave: -1}), listen(b, "127.0.0.1:0")
			served.Go(func() { _ = m.Serve(context.Background(), l) })
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { c.Close() })
			if _, err := io.WriteString(c, watchApp+"\n"); err != nil {
				b.Fatal(err)
			}
			if _, err := c.Read(make([]byte, 1)); err != nil {
				b.Fatal(err)
			}
			all = append(all, m)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc+after.StackInuse-before.HeapAlloc-before.StackInuse)/monitors, "B/monitor")
		for _, m := range all {
			m.Close()
		}
		served.Wait()
	}
}
