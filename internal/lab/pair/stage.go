package pair

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

// ErrInterrupted is what [Play] returns when a signal ended it.
var ErrInterrupted = errors.New("interrupted")

// Play runs a function that wants a test, outside of tests: a benchmark does. It returns
// why the function failed, if it did, when everything is cleaned up. SIGINT and SIGTERM
// end it with [ErrInterrupted]; then the function is left behind, and the program should
// end.
func Play(f func(t lab.T)) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	s := &stage{}
	defer s.clear()
	ended := make(chan error, 1)
	go func() { ended <- caught(func() { f(s) }) }()
	select {
	case err := <-ended:
		return err
	case <-signals:
		return ErrInterrupted
	}
}

// caught runs a function and returns the failure that ended it, if one did.
func caught(f func()) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case failure:
			err = r
		default:
			panic(r)
		}
	}()
	f()
	return nil
}

// stage stands in for a test.
type stage struct {
	mu       sync.Mutex
	cleanups []func()
}

// failure is how a function on a stage ends early.
type failure string

func (f failure) Error() string { return string(f) }

// Helper does nothing: there is no test to mark.
func (*stage) Helper() {}

// Fatalf ends the function.
func (*stage) Fatalf(format string, args ...any) { panic(failure(fmt.Sprintf(format, args...))) }

// Logf prints a line.
func (*stage) Logf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// Cleanup has f run at the end, the last first.
func (s *stage) Cleanup(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cleanups = append(s.cleanups, f)
}

func (s *stage) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range slices.Backward(s.cleanups) {
		_ = caught(f)
	}
	s.cleanups = nil
}
