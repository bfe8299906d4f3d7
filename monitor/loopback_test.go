package monitor

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
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
