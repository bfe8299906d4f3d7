package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are pipes, so that time is the bubble's.
type pipes struct {
	queue  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{queue: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.queue:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// connect returns once the connection is accepted.
func (p *pipes) connect(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.queue <- server:
		return client, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-p.closed:
		return nil, os.ErrClosed
	}
}

func (p *pipes) mustConnect(t *testing.T) net.Conn {
	t.Helper()
	conn, err := p.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// served is a server in a bubble.
type served struct {
	*pipes
	stop context.CancelFunc
	done chan error
}

func serveInBubble(t *testing.T, backend Backend) *served {
	ctx, cancel := context.WithCancel(t.Context())
	s := &served{pipes: newPipes(), stop: cancel, done: make(chan error, 1)}
	go func() { s.done <- NewServer(backend, slog.New(slog.DiscardHandler)).Serve(ctx, s.pipes) }()
	return s
}

// client returns a client of the server.
func (s *served) client() *Client { return newClient("control.sock", s.connect) }

// end stops the server and returns how it ended.
func (s *served) end() error {
	s.stop()
	return <-s.done
}

// cutAfter waits until the server closes a connection, and says how long that took.
func cutAfter(t *testing.T, conn net.Conn) time.Duration {
	t.Helper()
	start := time.Now()
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Errorf("the connection ended with %v", err)
	}
	return time.Since(start)
}

func TestAClientThatSaysNothingIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInBubble(t, &fake{})
		if got := cutAfter(t, s.mustConnect(t)); got != 5*time.Second {
			t.Errorf("cut after %v, want 5s", got)
		}
		half := s.mustConnect(t)
		fmt.Fprint(half, "GET /v1/status HTTP/1.1\r\nHost: x\r\n")
		if got := cutAfter(t, half); got != 5*time.Second {
			t.Errorf("half a header: cut after %v, want 5s", got)
		}
		if err := s.end(); err != nil {
			t.Error(err)
		}
	})
}

func TestAClientThatNeverEndsItsBodyIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := &fake{}
		s := serveInBubble(t, backend)
		conn := s.mustConnect(t)
		fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"state\":", overridePath)
		if got := cutAfter(t, conn); got != 10*time.Second {
			t.Errorf("cut after %v, want 10s", got)
		}
		if heard := backend.heard(); heard != nil {
			t.Errorf("half a request was taken: %v", heard)
		}
		if err := s.end(); err != nil {
			t.Error(err)
		}
	})
}

func TestAClientThatDoesNotReadItsAnswerIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInBubble(t, &fake{})
		conn := s.mustConnect(t)
		fmt.Fprint(conn, "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
		time.Sleep(writeTimeout)
		synctest.Wait()
		if _, err := fmt.Fprint(conn, "more"); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("the connection is still there: %v", err)
		}
		if err := s.end(); err != nil {
			t.Error(err)
		}
	})
}

// The 65th waits until one of the 64 that hang is cut.
func TestConnectionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInBubble(t, &fake{})
		for range maxConnections {
			s.mustConnect(t)
		}
		start := time.Now()
		if _, err := s.client().Status(t.Context()); err != nil {
			t.Error(err)
		}
		if got := time.Since(start); got != 5*time.Second {
			t.Errorf("the answer took %v, want 5s", got)
		}
		if err := s.end(); err != nil {
			t.Error(err)
		}
	})
}

func TestStoppingDoesNotWaitForSilentClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInBubble(t, &fake{})
		for range maxConnections {
			s.mustConnect(t)
		}
		start := time.Now()
		if err := s.end(); err != nil {
			t.Error(err)
		}
		if got := time.Since(start); got != 0 {
			t.Errorf("the stop took %v, want none", got)
		}
	})
}

// answerAfter asks for a reload and returns what came of it.
func answerAfter(ctx context.Context, c *Client) chan error {
	answer := make(chan error, 1)
	go func() {
		_, err := c.Reload(ctx)
		answer <- err
	}()
	return answer
}

func TestStoppingWaitsForRequestsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInBubble(t, &fake{wait: func(ctx context.Context) error {
			select {
			case <-time.After(3 * time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}})
		answer := answerAfter(t.Context(), s.client())
		synctest.Wait()
		start := time.Now()
		if err := s.end(); err != nil {
			t.Error(err)
		}
		if got := time.Since(start); got != 3*time.Second {
			t.Errorf("the stop took %v, want 3s", got)
		}
		if err := <-answer; err != nil {
			t.Errorf("the answer is %v", err)
		}
	})
}

func TestStoppingEndsRequestsThatTakeTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInBubble(t, &fake{wait: untilDone})
		answer := answerAfter(t.Context(), s.client())
		synctest.Wait()
		start := time.Now()
		if err := s.end(); err != nil {
			t.Error(err)
		}
		if got := time.Since(start); got != 5*time.Second {
			t.Errorf("the stop took %v, want 5s", got)
		}
		if err := <-answer; err == nil {
			t.Error("a request that was cut has no error")
		}
	})
}

func TestStoppingLeavesBehindWhatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := serveInBubble(t, &fake{wait: func(context.Context) error { <-release; return nil }})
		answer := answerAfter(t.Context(), s.client())
		synctest.Wait()
		start := time.Now()
		err := s.end()
		if want := "the control socket: a request did not end in time and was left behind"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if got := time.Since(start); got != 6*time.Second {
			t.Errorf("the stop took %v, want 6s", got)
		}
		close(release)
		<-answer
	})
}

func TestADaemonThatHasNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInBubble(t, &fake{wait: untilDone})
		conn := s.mustConnect(t)
		fmt.Fprint(conn, "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
		start := time.Now()
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if got := time.Since(start); got != answerTimeout || response.StatusCode != 503 {
			t.Errorf("after %v: %s, want 503 after %v", got, response.Status, answerTimeout)
		}
		if err := s.end(); err != nil {
			t.Error(err)
		}
	})
}

// Who asks and goes away has no question left; who orders and goes away has ordered.
func TestAnOrderOutlivesItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ends := make(chan string, 1)
		s := serveInBubble(t, &fake{wait: func(ctx context.Context) error {
			select {
			case <-time.After(time.Second):
				ends <- "carried out"
			case <-ctx.Done():
				ends <- "dropped"
			}
			return nil
		}})
		for _, tt := range []struct{ request, body, want string }{
			{"GET /v1/status", "", "dropped"},
			{"POST /v1/reload", "", "carried out"},
			{"POST " + failoverPath, `{"cancel":false}`, "carried out"},
			{"POST " + failoverPath, `{"cancel":true}`, "carried out"},
		} {
			conn := s.mustConnect(t)
			fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", tt.request, len(tt.body), tt.body)
			synctest.Wait()
			conn.Close()
			if got := <-ends; got != tt.want {
				t.Errorf("%s %s was %s, want %s", tt.request, tt.body, got, tt.want)
			}
		}
		if err := s.end(); err != nil {
			t.Error(err)
		}
	})
}

func TestTheClientGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		silent := make(chan net.Conn, 1)
		go func() {
			c, _ := p.Accept()
			silent <- c
			io.Copy(io.Discard, c)
		}()
		start := time.Now()
		_, err := newClient("/run/mainstay/control.sock", p.connect).Status(t.Context())
		want := "the daemon on /run/mainstay/control.sock is there but had no answer within 30s: what does it do? (journalctl -u mainstay)"
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		if got := time.Since(start); got != answerTimeout {
			t.Errorf("it gave up after %v, want %v", got, answerTimeout)
		}
		(<-silent).Close()
	})
}

func TestTheClientHeedsItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		p := newPipes()
		defer p.Close()
		_, err := newClient("control.sock", p.connect).Status(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "asking the daemon on control.sock: ") {
			t.Errorf("got %v", err)
		}
	})
}

// untilDone is a wait of the fake for as long as it may take.
func untilDone(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// Four advertisement intervals of 255 s are within the time of a failover.
func TestAFailoverMayTakeLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const long = 4 * 255 * time.Second
		backend := &fake{failed: FailoverResult{Router: "edge", State: "backup", Master: "192.0.2.12"}, wait: func(ctx context.Context) error {
			select {
			case <-time.After(long):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
		s := serveInBubble(t, backend)
		start := time.Now()
		result, err := s.client().Failover(t.Context(), "edge", false)
		if err != nil || result != backend.failed {
			t.Errorf("got %+v, %v", result, err)
		}
		if got := time.Since(start); got != long {
			t.Errorf("the answer took %v, want %v", got, long)
		}
		if err := s.end(); err != nil {
			t.Error(err)
		}
	})
}

// A failover has a limit of its own, and the end of one that of any other question, on
// the daemon's side …
func TestADaemonThatHasNoAnswerToAFailover(t *testing.T) {
	for _, tt := range []struct {
		body, want string
		limit      time.Duration
	}{
		{`{"cancel":false}`, `{"error":"the daemon had no answer within 20m0s"}`, failoverTimeout},
		{`{"cancel":true}`, `{"error":"the daemon had no answer within 30s"}`, answerTimeout},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := serveInBubble(t, &fake{wait: untilDone})
			conn := s.mustConnect(t)
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", failoverPath, len(tt.body), tt.body)
			start := time.Now()
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			text, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			if got := time.Since(start); got != tt.limit || response.StatusCode != 503 || strings.TrimSpace(string(text)) != tt.want {
				t.Errorf("%s: after %v: %s %s, want 503 %s after %v", tt.body, got, response.Status, text, tt.want, tt.limit)
			}
			if err := s.end(); err != nil {
				t.Error(err)
			}
		})
	}
}

// … and on the client's.
func TestTheClientGivesUpOnAFailover(t *testing.T) {
	for _, tt := range []struct {
		cancel bool
		limit  time.Duration
	}{{false, failoverTimeout}, {true, answerTimeout}} {
		synctest.Test(t, func(t *testing.T) {
			p := newPipes()
			silent := make(chan net.Conn, 1)
			go func() {
				c, _ := p.Accept()
				silent <- c
				io.Copy(io.Discard, c)
			}()
			start := time.Now()
			_, err := newClient("control.sock", p.connect).Failover(t.Context(), "edge", tt.cancel)
			want := fmt.Sprintf("the daemon on control.sock is there but had no answer within %v: what does it do? (journalctl -u mainstay)", tt.limit)
			if err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if got := time.Since(start); got != tt.limit {
				t.Errorf("it gave up after %v, want %v", got, tt.limit)
			}
			(<-silent).Close()
		})
	}
}

// Who orders a failover and does not read the answer is cut soon after it.
func TestAClientThatDoesNotReadWhatAFailoverDidIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInBubble(t, &fake{wait: func(context.Context) error { time.Sleep(10 * time.Minute); return nil }})
		conn := s.mustConnect(t)
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", failoverPath)
		start := time.Now()
		// A pipe takes as much as the server reads, then holds its writer until it is cut.
		if _, err := fmt.Fprint(conn, "more"); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("the connection is still there: %v", err)
		}
		if got, want := time.Since(start), 10*time.Minute+readingTime; got != want {
			t.Errorf("cut after %v, want %v", got, want)
		}
		if err := s.end(); err != nil {
			t.Error(err)
		}
	})
}

// Failovers that last leave room for all else, their own end included.
func TestFailoversAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		backend := &fake{wait: func(context.Context) error { <-release; return nil }}
		s := serveInBubble(t, backend)
		results := make(chan error, maxFailovers)
		order := func() {
			_, err := s.client().Failover(t.Context(), "edge", false)
			results <- err
		}
		for range maxFailovers {
			go order()
		}
		synctest.Wait()
		backend.mu.Lock()
		backend.wait = nil // for those that come now
		backend.mu.Unlock()

		_, err := s.client().Failover(t.Context(), "edge", false)
		if want := "48 failovers are under way: wait until one is over"; err == nil || err.Error() != want {
			t.Errorf("one more: got %v, want %s", err, want)
		}
		if _, err := s.client().Failover(t.Context(), "edge", true); err != nil {
			t.Errorf("the end of one: %v", err)
		}
		if _, err := s.client().Status(t.Context()); err != nil {
			t.Errorf("a question: %v", err)
		}
		close(release)
		for range maxFailovers {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if _, err := s.client().Failover(t.Context(), "edge", false); err != nil {
			t.Errorf("when the others are over: %v", err)
		}
		if err := s.end(); err != nil {
			t.Error(err)
		}
	})
}
