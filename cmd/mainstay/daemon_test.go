package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mainstay-lvs/mainstay/internal/control"
)

// startDaemon serves a control socket until the script ends, with the answers of a
// file, and writes what it was asked to another:
//
//	daemon control.sock answers.json asked
func startDaemon(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: daemon socket answers asked")
	}
	backend := &scripted{asked: ts.MkAbs(args[2])}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &backend.answer))
	ts.Check(os.WriteFile(backend.asked, nil, 0o600))
	l, err := control.Listen(ts.MkAbs(args[0]))
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- control.NewServer(backend, slog.New(slog.DiscardHandler)).Serve(ctx, l) }()
	ts.Defer(func() {
		cancel()
		ts.Check(<-done)
	})
}

// scripted is a daemon whose answers a script gives.
type scripted struct {
	asked  string
	mu     sync.Mutex
	answer struct {
		Status      control.Status
		Explanation control.Explanation
		Router      control.RouterExplanation
		Failover    control.FailoverResult
		Plan        control.Plan
		Warnings    []string
		NotFound    string
		Error       string
		Lines       []string
	}
}

func (s *scripted) ask(format string, args ...any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := os.OpenFile(s.asked, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, format+"\n", args...); err != nil {
		return err
	}
	if s.answer.NotFound != "" {
		return fmt.Errorf("%s: %w", s.answer.NotFound, control.ErrNotFound)
	}
	return answers{Error: s.answer.Error, Lines: s.answer.Lines}.failure()
}

func (s *scripted) Status(context.Context) (control.Status, error) {
	return s.answer.Status, s.ask("status")
}

func (s *scripted) Explain(_ context.Context, service, server string) (control.Explanation, error) {
	return s.answer.Explanation, s.ask("explain %s %s", service, server)
}

func (s *scripted) ExplainRouter(_ context.Context, router string) (control.RouterExplanation, error) {
	return s.answer.Router, s.ask("explain %s", router)
}

func (s *scripted) Failover(_ context.Context, router string, cancel bool) (control.FailoverResult, error) {
	return s.answer.Failover, s.ask("failover %s cancel=%v", router, cancel)
}

func (s *scripted) Override(_ context.Context, service, server string, o control.Override) error {
	return s.ask("%s %s %s", o, service, server)
}

func (s *scripted) Reload(context.Context) ([]string, error) {
	return s.answer.Warnings, s.ask("reload")
}

func (s *scripted) Plan(_ context.Context, file string) (control.Plan, error) {
	return s.answer.Plan, s.ask("plan %s", file)
}
