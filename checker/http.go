package checker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
)

const (
	maxHead = 64 << 10 // of an answer, in bytes
	maxBody = 64 << 10 // that are searched
	// maxCoded bounds what is read for that much body: chunks of a byte each take six.
	maxCoded = 8 * maxBody
)

// request asks once over HTTP/1.1. It is not net/http's client: a check needs no
// pool, no redirects, no proxy, and none of what they cost.
type request struct {
	transport
	message []byte // sent as it is
	origin  *http.Request
	status  []StatusRange
	body    *regexp.Regexp
}

func prepareHTTP(s Spec, o HTTP, _ Config) (probe, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	secure := o.TLS
	if secure != nil && len(secure.ALPN) == 0 {
		with := *secure
		with.ALPN = []string{"http/1.1"}
		secure = &with
	}
	t, err := newTransport(s, secure)
	if err != nil {
		return nil, err
	}
	return &request{
		transport: t,
		message:   o.message(s.Target),
		origin:    &http.Request{Method: o.Method},
		status:    o.Status,
		body:      o.Body,
	}, nil
}

// heads are the buffers that answers are read with.
var heads = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 4<<10) }}

func (p *request) run(ctx context.Context, t *transcript) Result {
	c, bad := p.open(ctx, t)
	if c == nil {
		return bad
	}
	defer c.Close()
	if _, err := c.Write(p.message); err != nil {
		return trouble(err, sending, p.timeout)
	}
	source := &sticky{Reader: c}
	limited := &io.LimitedReader{R: source, N: maxHead}
	r := heads.Get().(*bufio.Reader)
	r.Reset(limited)
	defer func() { r.Reset(nil); heads.Put(r) }()

	answer, bad := p.head(r, limited, source)
	if answer == nil {
		return bad
	}
	if !p.wanted(answer.StatusCode) {
		return failed(fmt.Sprintf("answered %d, want %s", answer.StatusCode, ranges(p.status)))
	}
	if p.body == nil {
		return success()
	}
	limited.N = maxCoded
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxBody))
	switch {
	case err != nil && limited.N <= 0:
		return failed(fmt.Sprintf("answered %d, but the body's chunks are too small", answer.StatusCode))
	case err != nil:
		return p.trouble(err, reading)
	case !p.body.Match(body):
		return failed(fmt.Sprintf("answered %d, but its body does not match %s", answer.StatusCode, clean(p.body.String())))
	}
	return success()
}

// sticky is a reader that fails for good once it has failed: after a deadline nothing
// that comes late is taken for a part of the answer.
type sticky struct {
	io.Reader
	err error
}

// Read reads, until the first error.
func (s *sticky) Read(b []byte) (n int, err error) {
	if s.err != nil {
		return 0, s.err
	}
	n, s.err = s.Reader.Read(b)
	return n, s.err
}

// head reads the head of the answer, those of 1xx before it left aside. Limited reads
// from source.
func (p *request) head(r *bufio.Reader, limited *io.LimitedReader, source *sticky) (*http.Response, Result) {
	const protocol = "HTTP/1."
	for {
		start, err := r.Peek(len(protocol))
		if len(start) > 0 && !strings.HasPrefix(protocol, string(start)) {
			line, _ := r.Peek(min(r.Buffered(), 40))
			return nil, failed(fmt.Sprintf("the answer is not HTTP/1.1: it begins with %q", line))
		}
		if err != nil {
			return nil, trouble(err, answering, p.timeout)
		}
		answer, err := http.ReadResponse(r, p.origin)
		switch {
		case err != nil && limited.N <= 0:
			return nil, failed(fmt.Sprintf("the answer's head is longer than %d KiB", maxHead>>10))
		case err != nil && errors.Is(source.err, os.ErrDeadlineExceeded):
			// A line that the deadline cut short may look malformed, and is not.
			return nil, p.trouble(source.err, reading)
		case err != nil:
			return nil, p.trouble(err, reading)
		case answer.StatusCode >= 200 || answer.StatusCode == http.StatusSwitchingProtocols:
			return answer, Result{}
		}
	}
}

// trouble tells answers that break HTTP's grammar from connections that break off.
func (p *request) trouble(err error, during phase) Result {
	r := trouble(err, during, p.timeout)
	if innermost(err) && r.Answer == Failure {
		return failed("the answer is malformed HTTP: " + plain(err))
	}
	return r
}

// innermost tells whether err is net/http's own, and not one of the connection.
func innermost(err error) bool {
	return errors.Unwrap(err) == nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)
}

func (p *request) wanted(status int) bool {
	return slices.ContainsFunc(p.status, func(r StatusRange) bool { return r.From <= status && status <= r.To })
}

// ranges writes status ranges as people do: "200-299 or 404".
func ranges(all []StatusRange) string {
	var texts []string
	for _, r := range all {
		text := fmt.Sprint(r.From)
		if r.To != r.From {
			text = fmt.Sprintf("%d-%d", r.From, r.To)
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, " or ")
}
