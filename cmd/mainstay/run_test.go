package main

import (
	"bytes"
	"context"
	"syscall"
	"testing"

	"github.com/mainstay-lvs/mainstay/internal/daemon"
)

// SIGTERM and SIGINT end the daemon's context, and a daemon that stops for it is done.
func TestRunStopsOnSignals(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		started, stopped := make(chan struct{}), make(chan struct{})
		var stdout, stderr bytes.Buffer
		a := &app{stdout: &stdout, stderr: &stderr, run: func(ctx context.Context, _ daemon.Options) error {
			close(started)
			<-ctx.Done()
			close(stopped)
			return nil
		}}
		code := make(chan int, 1)
		go func() { code <- a.main([]string{"run"}) }()
		<-started
		if err := syscall.Kill(syscall.Getpid(), signal); err != nil {
			t.Fatal(err)
		}
		<-stopped
		if got := <-code; got != 0 || stdout.Len()+stderr.Len() > 0 {
			t.Errorf("%v: exit code %d, stdout %q, stderr %q", signal, got, &stdout, &stderr)
		}
	}
}

// A full disk or a closed pipe behind stdout is an error.
func TestOutputThatCanNotBeWritten(t *testing.T) {
	var stderr bytes.Buffer
	a := &app{version: "1.2.3", stdout: full{}, stderr: &stderr}
	if code := a.main([]string{"version"}); code != 1 || stderr.String() != "mainstay: writing the output: no space left on device\n" {
		t.Errorf("exit code %d, stderr %q", code, &stderr)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }
