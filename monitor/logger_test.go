package monitor

import (
	"context"
	"log/slog"
	"testing"
)

// stuckHandler is a log handler that blocks until it is let go.
type stuckHandler struct {
	slog.Handler
	called, letGo chan struct{}
}

func (h stuckHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h stuckHandler) Handle(context.Context, slog.Record) error {
	h.called <- struct{}{}
	<-h.letGo
	return nil
}

// A log handler that blocks holds up the answer that it is told of, and no other.
func TestALogHandlerThatBlocksHoldsUpOneAnswer(t *testing.T) {
	h := stuckHandler{slog.DiscardHandler, make(chan struct{}), make(chan struct{})}
	m := newMonitor(t, Options{Services: []string{"a", "b"}, Logger: slog.New(h)})
	m.Service("a").SetState(Down, "disk full")
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.Answer("a")
	}()
	<-h.called
	if got := m.Answer("b"); got.State != Up {
		t.Errorf("b answers %+v", got)
	}
	close(h.letGo)
	<-done
}
