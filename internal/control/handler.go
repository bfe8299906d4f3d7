package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
)

// endpoint answers one sort of request; a nil answer is an empty one.
type endpoint func(ctx context.Context, r *http.Request) (answer any, err error)

// handler returns the routes of the control socket. Requests run under base: an
// order that was taken is carried out also where its client has gone.
func (s *SocketServer) handler(base context.Context, requests *gate) http.Handler {
	mux := http.NewServeMux()
	route := func(method, pattern string, e endpoint) {
		mux.Handle(method+" "+pattern, s.serve(base, requests, e))
		mux.Handle(pattern, refuse(wrongMethod(method)))
	}
	route(http.MethodGet, pathStatus, s.status)
	route(http.MethodGet, pathExplain, s.explain)
	route(http.MethodPost, pathReload, s.reload)
	route(http.MethodPost, pathPlan, s.plan)
	route(http.MethodPut, pathOverride, s.override)
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
func (s *SocketServer) serve(base context.Context, requests *gate, e endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !requests.enter() {
			writeError(w, &problem{code: http.StatusServiceUnavailable, text: "this mainstay is stopping"})
			return
		}
		defer requests.leave()
		r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
		ctx, cancel := context.WithTimeout(context.WithValue(base, peerKey{}, peerOf(r.Context())), answerTimeout)
		defer cancel()
		if r.Method == http.MethodGet {
			// Nobody waits for the answer any more: nobody works it out.
			defer context.AfterFunc(r.Context(), cancel)()
		}
		answer, err := e(ctx, r)
		if err != nil {
			writeError(w, err)
		} else {
			writeAnswer(w, answer)
		}
		// The answer is out before the request counts as done and may be cut.
		_ = http.NewResponseController(w).Flush()
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
	service, server := query.Get("service"), query.Get("server")
	if err := checkNames(service, server); err != nil {
		return nil, badRequest(err)
	}
	explanation, err := s.backend.Explain(ctx, service, server)
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
