package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/sys/unix"
)

// Client asks a running daemon on its control socket. It is a [Backend]; besides
// the errors named there, its methods fail with [ErrNoDaemon] when nobody listens.
// Every question is over after 30 s, a failover after 20 minutes. It keeps no
// connection, so there is nothing to close, and it may be used concurrently.
type Client struct {
	socket string
	http   *http.Client
}

var _ Backend = (*Client)(nil)

// NewClient returns a client for the socket at a path. It does nothing yet.
func NewClient(socket string) *Client {
	return newClient(socket, func(ctx context.Context) (net.Conn, error) { return dial(ctx, socket) })
}

func newClient(socket string, dial func(context.Context) (net.Conn, error)) *Client {
	return &Client{
		socket: socket,
		http: &http.Client{
			Transport: &http.Transport{
				DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
				DisableKeepAlives: true,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Status returns the whole picture.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	err := c.ask(ctx, http.MethodGet, pathStatus, nil, &s)
	return s, err
}

// Explain returns what is known of one server.
func (c *Client) Explain(ctx context.Context, service, server string) (Explanation, error) {
	var e Explanation
	if err := checkNames(service, server); err != nil {
		return e, err
	}
	query := url.Values{"service": {service}, "server": {server}}
	err := c.ask(ctx, http.MethodGet, pathExplain+"?"+query.Encode(), nil, &e)
	return e, err
}

// ExplainRouter returns what is known of one virtual router.
func (c *Client) ExplainRouter(ctx context.Context, router string) (RouterExplanation, error) {
	var e RouterExplanation
	if err := checkRouter(router); err != nil {
		return e, err
	}
	query := url.Values{"router": {router}}
	err := c.ask(ctx, http.MethodGet, pathExplain+"?"+query.Encode(), nil, &e)
	return e, err
}

// Failover hands a virtual router's addresses over and has it stand by, or, with
// cancel, has it no longer stand by. Giving up the question does not undo the order.
func (c *Client) Failover(ctx context.Context, router string, cancel bool) (FailoverResult, error) {
	var result FailoverResult
	if err := checkRouter(router); err != nil {
		return result, err
	}
	limit := failoverTimeout
	if cancel {
		limit = answerTimeout // nothing to wait for
	}
	path := "/v1/routers/" + url.PathEscape(router) + "/failover"
	err := c.askWithin(ctx, limit, http.MethodPost, path, failoverBody{Cancel: cancel}, &result)
	return result, err
}

// Override sets or clears what an operator tells a server to do. What the daemon
// would refuse anyway is refused here.
func (c *Client) Override(ctx context.Context, service, server string, o Override) error {
	if err := checkNames(service, server); err != nil {
		return err
	}
	if err := o.Validate(); err != nil {
		return err
	}
	path := "/v1/services/" + url.PathEscape(service) + "/servers/" + url.PathEscape(server) + "/override"
	return c.ask(ctx, http.MethodPut, path, o, nil)
}

// Reload has the file read again, and returns its warnings. A wrong file is a
// [Refused] with all its lines.
func (c *Client) Reload(ctx context.Context) (warnings []string, err error) {
	var b reloadBody
	err = c.ask(ctx, http.MethodPost, pathReload, nil, &b)
	return b.Warnings, err
}

// Plan asks what a file, an absolute path that the daemon reads, would change in
// the kernel. A wrong file is a [Refused] with all its lines.
func (c *Client) Plan(ctx context.Context, file string) (Plan, error) {
	var p Plan
	err := c.ask(ctx, http.MethodPost, pathPlan, planBody{File: file}, &p)
	return p, err
}

// ask sends one request and reads its answer.
func (c *Client) ask(ctx context.Context, method, path string, body, answer any) error {
	return c.askWithin(ctx, answerTimeout, method, path, body, answer)
}

// askWithin is the same for a question with a limit of its own.
func (c *Client) askWithin(ctx context.Context, limit time.Duration, method, path string, body, answer any) error {
	asking, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	response, err := c.send(asking, method, path, body)
	if err != nil {
		return c.silence(ctx, limit, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return c.silence(ctx, limit, err)
	}
	if len(text) > maxAnswer {
		return fmt.Errorf("the answer on %s is over %d MB", c.socket, maxAnswer>>20)
	}
	if response.StatusCode/100 != 2 {
		return c.refusal(response, text)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("the answer on %s is not of a mainstay of this version: %w", c.socket, err)
	}
	return nil
}

func (c *Client) send(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var text bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&text).Encode(body); err != nil {
			return nil, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://mainstay"+path, &text)
	if err != nil {
		return nil, err
	}
	return c.http.Do(request)
}

// silence says why no answer came within a limit.
func (c *Client) silence(ctx context.Context, limit time.Duration, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("asking the daemon on %s: %w", c.socket, context.Cause(ctx))
	}
	// The method and a made-up address say nothing to an operator.
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
	said, isSaid := errors.AsType[*said](err)
	switch {
	case isSaid:
		return said
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the daemon on %s is there but had no answer within %v: what does it do? (journalctl -u mainstay)", c.socket, limit)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, unix.ECONNRESET), errors.Is(err, unix.EPIPE):
		return fmt.Errorf("the daemon on %s hung up without an answer: did it stop? (journalctl -u mainstay)", c.socket)
	default:
		return fmt.Errorf("asking the daemon on %s: %w", c.socket, err)
	}
}

// refusal is the error that an answer carries.
func (c *Client) refusal(response *http.Response, text []byte) error {
	var body errorBody
	if err := json.Unmarshal(text, &body); err != nil || body.Error == "" {
		return fmt.Errorf("the answer on %s is %s, which is not a mainstay's: who listens there?", c.socket, response.Status)
	}
	switch {
	case len(body.Lines) > 0:
		return &Refused{Lines: body.Lines}
	case response.StatusCode == http.StatusNotFound:
		return &said{text: body.Error, is: ErrNotFound}
	default:
		return &said{text: body.Error}
	}
}

// said is an error in its own words that is also one of those that callers look
// for.
type said struct {
	text string
	is   error // nil: none
}

// Error returns the sentence.
func (s *said) Error() string { return s.text }

// Unwrap returns the error that it is.
func (s *said) Unwrap() error { return s.is }
