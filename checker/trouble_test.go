package checker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestTrouble(t *testing.T) {
	for _, c := range []struct {
		err    error
		answer Answer
		reason string
	}{
		{syscall.ECONNREFUSED, Failure, "connection refused"},
		{syscall.ECONNRESET, Failure, "connection reset while waiting for the answer"},
		{syscall.EPIPE, Failure, "connection closed while waiting for the answer"},
		{syscall.EHOSTUNREACH, Failure, "host unreachable"},
		{syscall.ENETUNREACH, Failure, "network unreachable"},
		{syscall.ETIMEDOUT, Failure, "connection timed out while waiting for the answer"},
		{syscall.EPROTO, Failure, "protocol error while waiting for the answer"},
		{io.EOF, Failure, "connection closed while waiting for the answer"},
		{fmt.Errorf("a: %w", io.ErrUnexpectedEOF), Failure, "connection closed while waiting for the answer"},
		{&os.PathError{Op: "read", Path: "socket", Err: os.ErrDeadlineExceeded}, Failure, "no answer within 500ms"},
		{context.DeadlineExceeded, Failure, "no answer within 500ms"},
		{&net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")}, Failure, "the server broke off TLS while waiting for the answer: certificate required"},
		{fmt.Errorf("a: %w", errors.New("x509: strange")), Failure, "strange while waiting for the answer"},

		{context.Canceled, Inconclusive, "interrupted while waiting for the answer"},
		{&os.PathError{Op: "read", Path: "socket", Err: syscall.ENOMEM}, Inconclusive, "this host is out of memory for another connection or process"},
		{syscall.ENOBUFS, Inconclusive, "this host is out of memory for another connection or process"},
		{syscall.EMFILE, Inconclusive, "this director is out of file descriptors: raise LimitNOFILE of its service"},
		{syscall.ENFILE, Inconclusive, "this host is out of file descriptors: raise the sysctl fs.file-max"},
		{syscall.EADDRNOTAVAIL, Inconclusive, "this host has no free port or no address to connect from: see the sysctl net.ipv4.ip_local_port_range"},
		{ours(syscall.EACCES), Inconclusive, "this host does not let the director connect: see its firewall's output rules"},
		{ours(syscall.EPERM), Inconclusive, "this host does not let the director connect: see its firewall's output rules"},
		{ours(syscall.ENETUNREACH), Inconclusive, "this host has no route to the target: see its interfaces and ip route"},
		{ours(syscall.ENETDOWN), Inconclusive, "this host has no route to the target: see its interfaces and ip route"},
		// The same, when they come over the network: a router said so.
		{syscall.EACCES, Failure, "forbidden on the way to the target"},
		{syscall.EPERM, Failure, "forbidden on the way to the target"},
		{syscall.ENETUNREACH, Failure, "network unreachable"},
		{ours(syscall.EHOSTUNREACH), Failure, "host unreachable"}, // a dead neighbour's is told so too
		{syscall.EAFNOSUPPORT, Inconclusive, "this host has no support for the target's address family"},
		{syscall.EAGAIN, Inconclusive, "this host is out of ports or processes for now"},
	} {
		expect(t, trouble(c.err, answering, 500*time.Millisecond), c.answer, c.reason)
	}
}

// A director without descriptors learns nothing about a server.
func TestOutOfDescriptors(t *testing.T) {
	target := serve(t, silent)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	none := before
	none.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	tcp := once(tcpSpec(target))
	command := once(commandSpec("/bin/true"))
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	const want = "this director is out of file descriptors: raise LimitNOFILE of its service"
	expect(t, tcp, Inconclusive, want)
	expect(t, command, Inconclusive, want)
}

func TestOthersWordsAreCleaned(t *testing.T) {
	long := strings.Repeat("é", maxQuoted)
	for text, want := range map[string]string{
		" a\tb\r\nc\x00\x1b[31m\xff ": "a b  c??[31m?",
		long:                          strings.Repeat("?", maxQuoted/2) + "...",
	} {
		if got := clean(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
