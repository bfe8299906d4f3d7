// Demo shows Mainstay's main job on a real kernel with IPVS: one director, three
// real servers that embed the monitor, and a client, each a network namespace. It is
// what `make demo` runs, through kernelexec; it wants root and a kernel with IPVS.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

func main() {
	started := time.Now()
	s := &stage{}
	if failure := play(s); failure != "" {
		fmt.Fprintln(os.Stderr, "\nThe demo failed:", failure)
		os.Exit(1)
	}
	fmt.Printf("\nAll of it took %.1f s.\n", time.Since(started).Seconds())
}

// play runs the story and cleans up. It returns why it failed, if it did.
func play(s *stage) (failure string) {
	defer s.clear()
	defer func() {
		switch r := recover().(type) {
		case nil:
		case curtain:
			failure = string(r)
		default:
			panic(r)
		}
	}()
	story(s)
	return ""
}

// stage stands in for a test: package lab sets its hosts up on it.
type stage struct {
	cleanups []func()
	daemons  []*lab.Process // what they said is shown where the story fails
}

// curtain is how a failure ends the story.
type curtain string

// Helper does nothing: there is no test to mark.
func (*stage) Helper() {}

// Fatalf ends the story.
func (s *stage) Fatalf(format string, args ...any) {
	for _, d := range s.daemons {
		fmt.Fprintf(os.Stderr, "\nA director said:\n%s", d.Output())
	}
	panic(curtain(fmt.Sprintf(format, args...)))
}

// Logf prints a line.
func (*stage) Logf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// Cleanup has f run at the end, the last first.
func (s *stage) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

func (s *stage) clear() {
	for _, f := range slices.Backward(s.cleanups) {
		f()
	}
}

// bin is a program that was built beside this one.
func bin(name string) string {
	self, err := os.Executable()
	if err != nil {
		panic(curtain(err.Error()))
	}
	return filepath.Join(filepath.Dir(self), name)
}
