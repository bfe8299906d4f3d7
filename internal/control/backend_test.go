package control

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
)

// fake is a Backend that notes what it is asked and answers as it was told.
type fake struct {
	mu       sync.Mutex
	asked    []string
	status   Status
	explains Explanation
	router   RouterExplanation
	failed   FailoverResult
	plans    Plan
	warnings []string
	err      error
	wait     func(context.Context) error // before each answer; nil: don't
}

func (f *fake) ask(ctx context.Context, format string, args ...any) error {
	f.mu.Lock()
	f.asked = append(f.asked, fmt.Sprintf(format, args...))
	wait := f.wait
	f.mu.Unlock()
	if wait != nil {
		if err := wait(ctx); err != nil {
			return err
		}
	}
	return f.err
}

// heard returns what was asked since the last call.
func (f *fake) heard() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() { f.asked = nil }()
	return slices.Clone(f.asked)
}

func (f *fake) Status(ctx context.Context) (Status, error) { return f.status, f.ask(ctx, "status") }

func (f *fake) Explain(ctx context.Context, service, server string) (Explanation, error) {
	return f.explains, f.ask(ctx, "explain %q %q", service, server)
}

func (f *fake) ExplainRouter(ctx context.Context, router string) (RouterExplanation, error) {
	return f.router, f.ask(ctx, "explain %q", router)
}

func (f *fake) Failover(ctx context.Context, router string, cancel bool) (FailoverResult, error) {
	return f.failed, f.ask(ctx, "failover %q cancel=%v", router, cancel)
}

func (f *fake) Override(ctx context.Context, service, server string, o Override) error {
	return f.ask(ctx, "override %q %q %v", service, server, o)
}

func (f *fake) Reload(ctx context.Context) ([]string, error) { return f.warnings, f.ask(ctx, "reload") }

func (f *fake) Plan(ctx context.Context, file string) (Plan, error) {
	return f.plans, f.ask(ctx, "plan %q", file)
}

// serve serves a backend on a control socket until the test ends, and returns the
// socket's path.
func serve(t *testing.T, backend Backend) string {
	t.Helper()
	socket := socketIn(t)
	l, err := Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	run(t, NewServer(backend, slog.New(slog.DiscardHandler)), l)
	return socket
}

// run runs a server until the test ends.
func run(t *testing.T, s *SocketServer, l net.Listener) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
