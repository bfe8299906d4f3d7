package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// clientOptions are the flags of the client.
type clientOptions struct {
	address string
	timeout time.Duration // of one request, connecting included
	count   int           // 0: without end
	every   time.Duration // from one start to the next
}

// call sends one request again and again, each on a connection of its own, and prints what comes. What fails is told
// on stderr, and it goes on; the error says how many did.
func call(ctx context.Context, o clientOptions, r request, stdout, stderr io.Writer) error {
	next := time.NewTicker(max(o.every, 1))
	defer next.Stop()
	made, lost := 0, 0
	for {
		text, err := callOnce(ctx, o, r)
		if ctx.Err() != nil {
			break
		}
		made++
		if err != nil {
			lost++
			fmt.Fprintln(stderr, "realserver:", err)
		} else {
			fmt.Fprintf(stdout, "%s\n", text)
		}
		if made == o.count {
			break
		}
		select {
		case <-ctx.Done():
		case <-next.C:
		}
		if ctx.Err() != nil {
			break
		}
	}
	if lost > 0 {
		return fmt.Errorf("%d of %d requests failed", lost, made)
	}
	return nil
}

// callOnce connects, asks, and hangs up.
func callOnce(ctx context.Context, o clientOptions, r request) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	c, err := dial(ctx, o.address)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.ask(ctx, r)
}

// hold keeps one connection and sends on it a request for each line of in. It ends with in, and with the first request
// that gets no answer.
func hold(ctx context.Context, o clientOptions, in io.Reader, stdout io.Writer) error {
	dialing, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	c, err := dial(dialing, o.address)
	if err != nil {
		return err
	}
	defer c.Close()
	for lines := bufio.NewScanner(in); ; {
		if !lines.Scan() {
			return lines.Err()
		}
		r, err := parseWords(strings.Fields(lines.Text()))
		if err != nil {
			return err
		}
		asking, cancel := context.WithTimeout(ctx, o.timeout)
		text, err := c.ask(asking, r)
		cancel()
		if bad, ok := errors.AsType[*badAnswer](err); ok {
			text = fmt.Append(nil, bad)
		} else if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "%s\n", text)
	}
}

// connection is a client's connection to a server.
type connection struct {
	net.Conn
	address string
}

func dial(ctx context.Context, address string) (*connection, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", address, err)
	}
	return &connection{c, address}, nil
}

// badAnswer is an answer that says that the request was refused, or failed.
type badAnswer struct {
	address string
	answer  answer
}

func (b *badAnswer) Error() string {
	word := map[status]string{refused: "refused", failed: "failed"}[b.answer.status]
	return fmt.Sprintf("call %s: %s: %s", b.address, word, b.answer.text)
}

// ask sends a request and returns the text of its answer. The end of ctx ends it.
func (c *connection) ask(ctx context.Context, r request) ([]byte, error) {
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Now()) })
	defer stop()
	if err := writeRequest(c, r); err != nil {
		return nil, fmt.Errorf("call %s: %w", c.address, because(ctx, err))
	}
	a, err := readAnswer(c)
	switch {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("call %s: the server closed the connection without an answer", c.address)
	case err != nil:
		return nil, fmt.Errorf("call %s: %w", c.address, because(ctx, err))
	case a.status != done:
		return nil, &badAnswer{c.address, a}
	}
	return a.text, nil
}

// because says that a request took too long, where that is why it failed.
func because(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	return err
}
