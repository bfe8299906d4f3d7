package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"time"
)

// endpoint answers one sort of request; a nil answer is an empty one.
type endpoint func(ctx context.Context, r *http.Request) (answer any, err error)

// handler returns the routes of the control socket. Requests run under base: an
// order that was taken is carried out also where its client has gone.
func (s *SocketServer) handler(base context.Context, requests *gate) http.Handler {
	mux := http.NewServeMux()
	slowRoute := func(method, pattern string, limit time.Duration, e endpoint) {
		mux.Handle(method+" "+pattern, s.serve(base, requests, limit, e))
		mux.Handle(pattern, refuse(wrongMethod(method)))
	}
	route := func(method, pattern string, e endpoint) { slowRoute(method, pattern, answerTimeout, e) }
	route(http.MethodGet, pathStatus, s.status)
	route(http.MethodGet, pathExplain, s.explain)
	route(http.MethodPost, pathReload, s.reload)
	route(http.MethodPost, pathPlan, s.plan)
	route(http.MethodPut, pathOverride, s.override)
	slowRoute(http.MethodPost, pathFailover, failoverTimeout, s.failover)
	mux.Handle("/", refuse(noPath))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A path that isn't clean would be redirected, in HTML.
		if p := r.URL.EscapedPath(); p != path.Clean(p) || p[0] != '/' {
			writeError(w, noPath(r))
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// serve runs an endpoint, bounded in the size of what it reads and in time.
func (s *SocketServer) serve(base context.Context, requests *gate, limit time.Duration, e endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !requests.enter() {
			writeError(w, &problem{code: http.StatusServiceUnavailable, text: "this mainstay is stopping"})
			return
		}
		defer requests.leave()
		r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
		ctx, cancel := context.WithTimeout(context.WithValue(base, peerKey{}, peerOf(r.Context())), limit)
		defer cancel()
		if r.Method == http.MethodGet {
			// Nobody waits for the answer any more: nobody works it out.
			defer context.AfterFunc(r.Context(), cancel)()
		}
		answer, err := e(ctx, r)
		connection := http.NewResponseController(w)
		if limit > answerTimeout {
			// The limit that all connections have may be over by now.
			_ = connection.SetWriteDeadline(time.Now().Add(readingTime))
		}
		if err != nil {
			writeError(w, inTime(err, limit))
		} else {
			writeAnswer(w, answer)
		}
		// The answer is out before the request counts as done and may be cut.
		_ = connection.Flush()
	})
}

// ordered logs an order, who gave it, and how it ended.
func (s *SocketServer) ordered(ctx context.Context, err error, order ...any) {
	order = append(order, "uid", peerOf(ctx))
	if err != nil {
		s.log.Warn("an order on the control socket was not carried out", append(order, "error", err)...)
	} else {
		s.log.Info("an order on the control socket was carried out", order...)
	}
}

func (s *SocketServer) status(ctx context.Context, _ *http.Request) (any, error) {
	status, err := s.backend.Status(ctx)
	return status.filled(), err
}

func (s *SocketServer) explain(ctx context.Context, r *http.Request) (any, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest(fmt.Errorf("the query of %s: %w", pathExplain, err))
	}
	ofRouter, ofServer := query.Has("router"), query.Has("service") || query.Has("server")
	switch {
	case ofRouter == ofServer:
		return nil, badRequest(errors.New("explain is of either a server or a router: service=web&server=192.0.2.21:80, or router=edge"))
	case ofRouter:
		return s.explainRouter(ctx, query.Get("router"))
	default:
		return s.explainServer(ctx, query.Get("service"), query.Get("server"))
	}
}

func (s *SocketServer) explainServer(ctx context.Context, service, server string) (any, error) {
	if err := checkNames(service, server); err != nil {
		return nil, badRequest(err)
	}
	explanation, err := s.backend.Explain(ctx, service, server)
	return explanation.filled(), err
}

func (s *SocketServer) explainRouter(ctx context.Context, router string) (any, error) {
	if err := checkRouter(router); err != nil {
		return nil, badRequest(err)
	}
	explanation, err := s.backend.ExplainRouter(ctx, router)
	return explanation.filled(), err
}

func (s *SocketServer) reload(ctx context.Context, _ *http.Request) (any, error) {
	warnings, err := s.backend.Reload(ctx)
	s.ordered(ctx, err, "order", "reload")
	return reloadBody{Warnings: list(warnings)}, err
}

func (s *SocketServer) plan(ctx context.Context, r *http.Request) (any, error) {
	var asked planBody
	if err := decode(r.Body, &asked); err != nil {
		return nil, err
	}
	if !filepath.IsAbs(asked.File) {
		return nil, badRequest(fmt.Errorf("the file %q is not an absolute path: the daemon's folder is another", asked.File))
	}
	plan, err := s.backend.Plan(ctx, asked.File)
	return plan.filled(), err
}

func (s *SocketServer) override(ctx context.Context, r *http.Request) (any, error) {
	service, server := r.PathValue("service"), r.PathValue("server")
	if err := checkNames(service, server); err != nil {
		return nil, badRequest(err)
	}
	var o Override
	if err := decode(r.Body, &o); err != nil {
		return nil, err
	}
	if err := o.Validate(); err != nil {
		return nil, badRequest(err)
	}
	err := s.backend.Override(ctx, service, server, o)
	s.ordered(ctx, err, "order", o.String(), "virtual_service", service, "real_server", server)
	return nil, err
}

func (s *SocketServer) failover(ctx context.Context, r *http.Request) (any, error) {
	router := r.PathValue("router")
	if err := checkRouter(router); err != nil {
		return nil, badRequest(err)
	}
	var asked failoverBody
	if err := decode(r.Body, &asked); err != nil {
		return nil, err
	}
	if asked.Cancel {
		return s.cancelFailover(ctx, router)
	}
	select {
	case s.failovers <- struct{}{}:
		defer func() { <-s.failovers }()
	default:
		return nil, &problem{code: http.StatusServiceUnavailable, text: fmt.Sprintf("%d failovers are under way: wait until one is over", maxFailovers)}
	}
	result, err := s.backend.Failover(ctx, router, false)
	s.ordered(ctx, err, "order", "failover", "virtual_router", router)
	return result, err
}

// cancelFailover has nothing to wait for: it may take as long as any other order, and
// finds a place while failovers take all of theirs.
func (s *SocketServer) cancelFailover(ctx context.Context, router string) (any, error) {
	ctx, stop := context.WithTimeout(ctx, answerTimeout)
	defer stop()
	result, err := s.backend.Failover(ctx, router, true)
	s.ordered(ctx, err, "order", "failover --cancel", "virtual_router", router)
	return result, inTime(err, answerTimeout)
}

// refuse answers every request with a problem.
func refuse(say func(r *http.Request) *problem) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { writeError(w, say(r)) })
}

func noPath(r *http.Request) *problem {
	return &problem{code: http.StatusNotFound, text: fmt.Sprintf("there is no path %s here", r.URL.EscapedPath())}
}

func wrongMethod(allowed string) func(r *http.Request) *problem {
	return func(r *http.Request) *problem {
		return &problem{
			code:  http.StatusMethodNotAllowed,
			text:  fmt.Sprintf("%s takes %s, not %s", r.URL.EscapedPath(), allowed, r.Method),
			allow: allowed,
		}
	}
}

// inTime puts a limit that was exceeded in words.
func inTime(err error, limit time.Duration) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return &problem{code: http.StatusServiceUnavailable, text: fmt.Sprintf("the daemon had no answer within %v", limit)}
	}
	return err
}

// problem is a failure with its own status code.
type problem struct {
	code  int
	text  string
	allow string // of 405
}

// Error returns the sentence.
func (p *problem) Error() string { return p.text }

func badRequest(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return &problem{code: http.StatusRequestEntityTooLarge, text: fmt.Sprintf("the request's body is over %d bytes", large.Limit)}
	}
	return &problem{code: http.StatusBadRequest, text: err.Error()}
}
