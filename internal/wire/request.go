package wire

import (
	"bytes"
	"time"
)

const (
	// monitorPrefix begins every line of MONITOR, in whatever version.
	monitorPrefix = "MONITOR/"
	// monitor1 is the protocol of this package's requests and answers.
	monitor1 = "MONITOR/1"
)

// Method is what a director wants of a program.
type Method string

// The methods. Programs answer any other with MONITOR/1 error.
const (
	// Poll asks for one answer.
	Poll Method = "poll"
	// Watch asks for an answer at once, one at least each Interval, and one at once on each change, until the connection
	// ends or another request takes its place.
	Watch Method = "watch"
)

// Request is what a director sends to a program's monitor.
type Request struct {
	// Method is the request's verb. The parser takes any lower-case word, so that a program can name in its refusal
	// the method that it doesn't know.
	Method Method
	// Target is the real server that the director asks about, address:port; 1..128 bytes. It may be absent when a
	// request is typed by hand.
	Target string
	// Service is the service asked for; 1..128 bytes.
	Service string
	// Interval is the longest time from one answer to the next, whole milliseconds from MinInterval to MaxInterval; of a
	// Watch only, other methods neither print nor parse it.
	Interval time.Duration
	// Nonce is 32 lower-case hex digits, new for each poll and now and then within a watch; empty where no secret is in
	// use.
	Nonce string
}

// IsMonitor tells whether line begins as MONITOR lines of any version do. A program answers a line that does with
// MONITOR/1, even if only to say what is wrong with it; whoever sends another may want an HAProxy agent line.
func IsMonitor(line []byte) bool { return bytes.HasPrefix(line, []byte(monitorPrefix)) }

// ParseRequest reads a request, given without its line end. Unknown keys are ignored. The error wraps ErrTooLong,
// ErrNotMonitor, ErrVersion or ErrMalformed.
func ParseRequest(line []byte) (Request, error) {
	l, err := parseMonitor(line)
	if err != nil {
		return Request{}, err
	}
	r := Request{Method: Method(l.Verb)}
	if r.Method == "" {
		return Request{}, malformed("the method is missing (poll or watch wanted)")
	}
	if r.Service, err = nameOf(l, "service", true); err != nil {
		return Request{}, err
	}
	if r.Target, err = nameOf(l, "target", false); err != nil {
		return Request{}, err
	}
	if nonce, given := l.Get("nonce"); given {
		if !ValidNonce(nonce) {
			return Request{}, malformed("the nonce is %s, not 32 lower-case hex digits", clip(nonce))
		}
		r.Nonce = nonce
	}
	if r.Method == Watch {
		if r.Interval, err = intervalOf(l); err != nil {
			return Request{}, err
		}
	}
	return r, nil
}

// AppendText appends the request without a line end to dst. The error wraps ErrMalformed and names the part that can't
// be sent.
func (r Request) AppendText(dst []byte) ([]byte, error) {
	if r.Method == "" {
		return dst, malformed("the method is missing (poll or watch wanted)")
	}
	l := Line{Protocol: monitor1, Verb: string(r.Method), Fields: make([]Field, 0, 4)}
	if r.Target != "" {
		if err := checkName("target", r.Target); err != nil {
			return dst, err
		}
		l.Fields = append(l.Fields, Field{Key: "target", Value: r.Target})
	}
	if err := checkName("service", r.Service); err != nil {
		return dst, err
	}
	l.Fields = append(l.Fields, Field{Key: "service", Value: r.Service})
	if r.Method == Watch {
		if err := checkInterval(r.Interval); err != nil {
			return dst, err
		}
		l.Fields = append(l.Fields, Field{Key: "interval", Value: FormatInterval(r.Interval)})
	}
	if r.Nonce != "" {
		if !ValidNonce(r.Nonce) {
			return dst, malformed("the nonce is %s, not 32 lower-case hex digits", clip(r.Nonce))
		}
		l.Fields = append(l.Fields, Field{Key: "nonce", Value: r.Nonce})
	}
	return l.AppendText(dst)
}

// String returns the request's line, or in parentheses why there is none.
func (r Request) String() string { return textOf(r.AppendText(nil)) }

// parseMonitor reads a line of MONITOR/1.
func parseMonitor(line []byte) (Line, error) {
	return parseVersioned(line, monitorPrefix, monitor1, ErrNotMonitor)
}
