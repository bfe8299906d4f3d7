package checker

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// phase is what a run was doing when it failed.
type phase struct {
	during  string // completes "connection reset"
	missing string // begins "within 500ms"
}

var (
	connecting  = phase{"while connecting", "no connection"}
	handshaking = phase{"in the TLS handshake", "no end of the TLS handshake"}
	sending     = phase{"while sending", "the server took not all that was sent"}
	answering   = phase{"while waiting for the answer", "no answer"}
	reading     = phase{"in the middle of the answer", "no end of the answer"}
)

// trouble turns what went wrong with a connection into a result, in words that an
// operator understands. It is the one place where errors of the system become
// results: those of this host are inconclusive, with the remedy where there is one;
// all others count against the server.
func trouble(err error, during phase, timeout time.Duration) Result {
	var errno syscall.Errno
	var local *localError
	var quiet silence
	var alert *net.OpError // of crypto/tls
	switch {
	case errors.As(err, &local):
		return inconclusive(local.reason)
	case errors.As(err, &alert) && alert.Op == "remote error":
		return failed("the server broke off TLS " + during.during + ": " + plain(alert.Err))
	case errors.Is(err, context.Canceled):
		return inconclusive("interrupted " + during.during)
	case errors.As(err, &quiet):
		r := failed(during.missing + " within " + timeout.String())
		r.Silence = quiet.lasted
		return r
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return failed(during.missing + " within " + timeout.String())
	case errors.As(err, &errno):
		return errnoTrouble(errno, during)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return failed("connection closed " + during.during)
	}
	return failed(plain(err) + " " + during.during)
}

func errnoTrouble(errno syscall.Errno, during phase) Result {
	if reason := ownTrouble(errno); reason != "" {
		return inconclusive(reason)
	}
	switch errno {
	case syscall.ECONNREFUSED:
		return failed("connection refused")
	case syscall.ECONNRESET:
		return failed("connection reset " + during.during)
	case syscall.EPIPE:
		return failed("connection closed " + during.during)
	case syscall.EHOSTUNREACH:
		return failed("host unreachable")
	case syscall.ENETUNREACH:
		return failed("network unreachable")
	case syscall.EACCES, syscall.EPERM: // what this host forbids is known by then
		return failed("forbidden on the way to the target")
	case syscall.ETIMEDOUT:
		return failed("connection timed out " + during.during)
	}
	return failed(errno.Error() + " " + during.during)
}

// ownTrouble says what is wrong on this host; it is empty where the error is not
// this host's.
func ownTrouble(errno syscall.Errno) string {
	switch errno {
	case syscall.EMFILE:
		return "this director is out of file descriptors: raise LimitNOFILE of its service"
	case syscall.ENFILE:
		return "this host is out of file descriptors: raise the sysctl fs.file-max"
	case syscall.ENOBUFS, syscall.ENOMEM:
		return "this host is out of memory for another connection or process"
	case syscall.EADDRNOTAVAIL:
		return "this host has no free port or no address to connect from: see the sysctl net.ipv4.ip_local_port_range"
	case syscall.EAFNOSUPPORT, syscall.EPROTONOSUPPORT:
		return "this host has no support for the target's address family"
	case syscall.EAGAIN:
		return "this host is out of ports or processes for now"
	}
	return ""
}

// plain is an error's text without what wraps it: the innermost says what happened,
// the others which of our calls it happened to.
func plain(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			break
		}
		err = inner
	}
	text := err.Error()
	for _, prefix := range []string{"tls: ", "x509: ", "remote error: ", "http: ", "net/http: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return clean(text)
}

// maxQuoted bounds how much of another's words a reason holds, in bytes.
const maxQuoted = 160

// clean makes another's words fit for a reason: one line of printable ASCII.
func clean(text string) string {
	cut := len(text) > maxQuoted
	if cut {
		text = text[:maxQuoted]
	}
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return ' '
		case r < ' ' || r > '~':
			return '?'
		}
		return r
	}, text))
	if cut {
		text += "..."
	}
	return text
}
