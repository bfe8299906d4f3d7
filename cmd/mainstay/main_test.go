package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mainstay-lvs/mainstay/internal/control"
	"github.com/mainstay-lvs/mainstay/internal/daemon"
)

// The scripts run two programs: mainstay-itself is the program as it is, and
// mainstay is the same with the parts that need a kernel replaced: for them the
// file that --config names holds the answers.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"mainstay-itself": main,
		"mainstay":        func() { os.Exit(withAnswers().main(os.Args[1:])) },
	})
}

// answers is what a file of answers holds.
type answers struct {
	Summary            string
	Problems, Warnings []string
	Plan               control.Plan
	Probes             []control.Probe
	Error              string
	Lines              []string
}

func withAnswers() *app {
	return &app{
		version: "1.2.3", stdout: os.Stdout, stderr: os.Stderr,
		run: func(_ context.Context, o daemon.Options) error {
			o.Logger.Info("started", "file", o.ConfigFile, "observe", o.Observe, "version", o.Version)
			a, err := read(o.ConfigFile)
			return errors.Join(err, a.failure())
		},
		validate: func(file string) (string, []string, []string) {
			a, err := read(file)
			if err != nil {
				return "", []string{err.Error()}, nil
			}
			return a.Summary, a.Problems, a.Warnings
		},
		plan: func(_ context.Context, file string) (control.Plan, error) {
			a, err := read(file)
			return a.Plan, errors.Join(err, a.failure())
		},
		probe: func(_ context.Context, file, service, server string) ([]control.Probe, error) {
			a, err := read(file)
			for i := range a.Probes {
				a.Probes[i].Reason = fmt.Sprintf("asked for %q %q", service, server)
			}
			return a.Probes, errors.Join(err, a.failure())
		},
		ask: func(socket string) control.Backend { return control.NewClient(socket) },
	}
}

func read(file string) (a answers, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal(text, &a)
}

// failure is the error that the answers ask for.
func (a answers) failure() error {
	switch {
	case len(a.Lines) > 0:
		return &control.Refused{Lines: a.Lines}
	case a.Error != "":
		return errors.New(a.Error)
	}
	return nil
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"daemon": startDaemon,
		},
		// A program under the race detector would sleep for a second when it ends.
		Setup:         func(e *testscript.Env) error { e.Setenv("GORACE", "atexit_sleep_ms=0"); return nil },
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
	})
}

// exits runs a command and looks at its exit code: exits 3 mainstay status
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code command [arguments]")
	}
	code := 0
	err := ts.Exec(args[1], args[2:]...)
	if failed, ok := errors.AsType[interface {
		error
		ExitCode() int
	}](err); ok {
		code = failed.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
	// A failure has a message on stderr and nothing on stdout.
	if stdout, stderr := ts.ReadFile("stdout"), ts.ReadFile("stderr"); code == 1 || code == 3 {
		if stdout != "" || stderr == "" {
			ts.Fatalf("exit code %d with stdout %q, stderr %q", code, stdout, stderr)
		}
	}
}
