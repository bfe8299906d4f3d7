package main

import (
	"io"
	"net"
	"strings"
	"testing"
)

func TestCallCountsAndGoesOn(t *testing.T) {
	p := start(t)
	if status, stdout, stderr := p.client(nil, "-count", "3", "-every", "1ms", "whoami"); status != 0 || stdout != "rs-1\nrs-1\nrs-1\n" {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
	// What fails is told, does not end it, and shows in the status.
	status, stdout, stderr := p.client(nil, "-count", "2", "-every", "1ms", "weight", "101")
	failure := "realserver: call " + p.clients + ": refused: weight: the argument is 101 (at most 100)\n"
	if want := failure + failure + "realserver: 2 of 2 requests failed\n"; status != 1 || stdout != "" || stderr != want {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
}

func TestHoldKeepsOneConnection(t *testing.T) {
	p := start(t)
	in, feed := io.Pipe()
	type result struct {
		status         int
		stdout, stderr string
	}
	held := make(chan result, 1)
	go func() {
		status, stdout, stderr := p.client(in, "-hold")
		held <- result{status, stdout, stderr}
	}()
	io.WriteString(feed, "whoami\n")
	d := p.direct()
	d.await(" conns=1 served=1 ")
	io.WriteString(feed, "echo still here\nweight 101\n")
	d.await(" conns=1 served=3 ")
	feed.Close()
	want := "rs-1\nstill here\ncall " + p.clients + ": refused: weight: the argument is 101 (at most 100)\n"
	if r := <-held; r.status != 0 || r.stdout != want || r.stderr != "" {
		t.Errorf("%+v", r)
	}
	d.await(" conns=0 ")
}

func TestHoldEndsWithItsConnection(t *testing.T) {
	p := start(t)
	in, feed := io.Pipe()
	defer feed.Close()
	held := make(chan string, 1)
	go func() {
		status, _, stderr := p.client(in, "-hold")
		held <- stderr
		if status != 1 {
			t.Errorf("status %d", status)
		}
	}()
	io.WriteString(feed, "whoami\n")
	p.direct().await(" conns=1 served=1 ")
	p.cmd.Process.Kill()
	p.wait()
	io.WriteString(feed, "whoami\n")
	if stderr := <-held; !strings.HasPrefix(stderr, "realserver: call "+p.clients+": ") {
		t.Errorf("stderr %q", stderr)
	}
}

func TestServersThatDoNotAnswer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	call := func(args ...string) string {
		var stderr strings.Builder
		if status := run(append([]string{"-call", address}, args...), nil, io.Discard, &stderr); status != 1 {
			t.Errorf("%v: status %d", args, status)
		}
		first, _, _ := strings.Cut(stderr.String(), "\n")
		return strings.TrimPrefix(first, "realserver: call "+address+": ")
	}
	// The kernel takes the connection, nobody takes it from the kernel.
	if got := call("-timeout", "10ms", "whoami"); got != "no answer in time" && !strings.Contains(got, "i/o timeout") {
		t.Errorf("a silent server: %s", got)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = readRequest(c)
			c.Close()
		}
	}()
	if got := call("-timeout", patience.String(), "whoami"); got != "the server closed the connection without an answer" {
		t.Errorf("a server that hangs up: %s", got)
	}
	l.Close()
	if got := call("-timeout", patience.String(), "whoami"); !strings.HasSuffix(got, "connection refused") {
		t.Errorf("no server: %s", got)
	}
}

func TestClientFlagsThatAreWrong(t *testing.T) {
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"-call", "127.0.0.1:1"}, 2, "realserver: a request is wanted: " + usage + "\n"},
		{[]string{"-call", "127.0.0.1:1", "sing"}, 2, "realserver: unknown request \"sing\": " + usage + "\n"},
		{[]string{"-call", "127.0.0.1:1", "-hold", "whoami"}, 2, "realserver: with -hold requests come from stdin, not \"whoami\"\n"},
	} {
		var stderr strings.Builder
		if status := run(c.args, nil, io.Discard, &stderr); status != c.status || stderr.String() != c.want {
			t.Errorf("%v: status %d, stderr %q; wanted %d, %q", c.args, status, &stderr, c.status, c.want)
		}
	}
	var stderr strings.Builder
	if status := run([]string{"-help"}, nil, io.Discard, &stderr); status != 0 || !strings.Contains(stderr.String(), "REQUEST: "+usage) {
		t.Errorf("-help: status %d, stderr %q", status, &stderr)
	}
}
