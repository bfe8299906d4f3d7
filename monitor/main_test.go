package monitor

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newMonitor makes a monitor for the service app, unless the options name others.
func newMonitor(t testing.TB, o Options) *Monitor {
	t.Helper()
	if o.Services == nil {
		o.Services = []string{"app"}
	}
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// serve runs Serve and, at the end of the test, Close; both must return without an error.
func serve(t testing.TB, m *Monitor, listeners ...net.Listener) {
	t.Helper()
	served := make(chan error, 1)
	go func() { served <- m.Serve(context.Background(), listeners...) }()
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := <-served; err != nil && !errors.Is(err, ErrClosed) {
			t.Errorf("Serve: %v", err)
		}
	})
}

// bubble runs a test on virtual time. Its cleanups run inside.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

// pipes is a listener whose connections are pipes, which work on virtual time.
type pipes struct {
	incoming chan net.Conn
	closed   chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.incoming:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close may be called by Serve more than once.
func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

// dial gives the peer's end of a new connection.
func (p *pipes) dial(t testing.TB) *peer {
	t.Helper()
	here, there := net.Pipe()
	select {
	case p.incoming <- there:
	case <-p.closed:
		t.Fatal("the listener is closed")
	}
	return newPeer(t, here)
}

// peer is the far side of a connection, as a test writes and reads it.
type peer struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

func newPeer(t testing.TB, c net.Conn) *peer {
	t.Cleanup(func() { c.Close() })
	return &peer{c, t, bufio.NewReader(c)}
}

func (p *peer) write(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p.Conn, text); err != nil {
		p.t.Fatalf("write %.40q: %v", text, err)
	}
}

// line reads one line, without its end.
func (p *peer) line() string {
	p.t.Helper()
	line, err := p.r.ReadString('\n')
	if err != nil {
		p.t.Fatalf("read %q: %v", line, err)
	}
	return strings.TrimSuffix(line, "\n")
}

// poll asks for the service app and returns the answer.
func (p *peer) poll() string {
	p.t.Helper()
	p.write("MONITOR/1 poll service=app\n")
	return p.line()
}

// wantEnd expects the end of the stream and nothing before it.
func (p *peer) wantEnd() {
	p.t.Helper()
	if rest, err := io.ReadAll(p.r); err != nil || len(rest) > 0 {
		p.t.Fatalf("read %q, error %v; wanted the end", rest, err)
	}
}

// wantPrefix expects a line that begins so.
func wantPrefix(t testing.TB, line, prefix string) {
	t.Helper()
	if !strings.HasPrefix(line, prefix) {
		t.Fatalf("got %s\nwanted %s…", line, prefix)
	}
}
