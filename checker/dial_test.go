package checker

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// readable waits until there is something to read: bytes, or the end.
func (c *conn) readable(t *testing.T) {
	t.Helper()
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN}}, 30_000)
		if err == unix.EINTR {
			continue
		}
		if n != 1 || err != nil {
			t.Fatalf("nothing to read after 30 s: %v", err)
		}
		return
	}
}

// What came in time counts, however late this process notices its deadline; and where
// nothing came, the silence is known.
func TestALastLookAfterTheDeadline(t *testing.T) {
	more := make(chan struct{})
	target := serve(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "hello")
		<-more
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c, err := dial(ctx, target)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.enterPoller()
	c.readable(t)
	if err := c.file.SetDeadline(time.Unix(1, 0)); err != nil { // as the end of ctx does
		t.Fatal(err)
	}
	b := make([]byte, 100)
	if n, err := c.Read(b); string(b[:n]) != "hello" || err != nil {
		t.Fatalf("read %q, error %v", b[:n], err)
	}
	n, err := c.Read(b)
	var quiet silence
	if n != 0 || !errors.As(err, &quiet) || quiet.lasted <= 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %q, error %v", b[:n], err)
	}
	if r := trouble(err, answering, time.Second); r.Answer != Failure || r.Reason != "no answer within 1s" || r.Silence != quiet.lasted {
		t.Errorf("result %+v", r)
	}

	close(more)
	c.readable(t)
	if n, err := c.Read(b); n != 0 || err != io.EOF {
		t.Errorf("at the end read %q, error %v", b[:n], err)
	}
	cancel()
	if _, err := c.Read(b); !errors.Is(err, context.Canceled) && err != io.EOF {
		t.Errorf("cut short: %v", err)
	}
}

// A connection that nobody takes is silence too.
func TestALastLookAtAConnection(t *testing.T) {
	_, target := full(t)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	asked := time.Now()
	_, err := dial(ctx, target)
	var quiet silence
	if !errors.As(err, &quiet) {
		t.Fatalf("error %v", err)
	}
	if most := time.Since(asked); quiet.lasted <= 0 || quiet.lasted > most {
		t.Errorf("the silence lasted %v of %v", quiet.lasted, most)
	}
}
