package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// CheckFunc is a self-check: it returns nil if all is well, else an error whose text the operator will read. It should
// return when its context ends.
type CheckFunc = func(ctx context.Context) error

// CheckOption is a choice about one self-check.
type CheckOption func(*selfCheck)

// Every sets the time from one start of the self-check to the next; default 1s, which 0 and less stand for. A call that
// takes longer puts the next one off.
func Every(interval time.Duration) CheckOption {
	return func(c *selfCheck) {
		if interval > 0 {
			c.interval = interval
		}
	}
}

// Timeout sets how long one call of the self-check may take; default 1s, which 0 and less stand for.
func Timeout(timeout time.Duration) CheckOption {
	return func(c *selfCheck) {
		if timeout > 0 {
			c.timeout = timeout
		}
	}
}

// selfCheck is one CheckFunc with its last result. One goroutine calls it; whether a call takes too long is judged by
// those who ask, so that a call which never returns needs no other goroutine to notice.
type selfCheck struct {
	name              string
	f                 CheckFunc
	interval, timeout time.Duration
	log               *slog.Logger
	changed           func()        // called when it is well for the first time, or no longer, or again
	done              chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex
	running bool
	since   time.Time // when the last call began, by its timer
	results int       // calls that have returned
	err     error     // of the last of them
}

func (m *Monitor) addCheck(e *evidence, name string, f CheckFunc, options []CheckOption) {
	c := &selfCheck{
		name: name, f: f, interval: defaultCheckEvery, timeout: defaultCheckTimeout,
		log: m.log, changed: e.changed, done: make(chan struct{}),
	}
	for _, option := range options {
		option(c)
	}
	e.addCheck(c)
	m.life.addCheck(c)
	e.changed() // what was up waits for it now
}

// run calls the function at its interval until ctx ends.
func (c *selfCheck) run(ctx context.Context) {
	defer close(c.done)
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		if ctx.Err() != nil {
			return // both were due; a check that ignores its context would keep Serve waiting
		}
		began := time.Now()
		next.Reset(c.interval)
		c.call(ctx, began)
	}
}

// call calls the function once and keeps its result. Whatever the function does, a result is kept.
func (c *selfCheck) call(ctx context.Context, began time.Time) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	c.mu.Lock()
	c.running, c.since = true, began
	c.mu.Unlock()

	err := errors.New("it ended its own goroutine and can't be called any more")
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it panicked: %v", p)
			c.logPanic(err)
		}
		if took := time.Since(began); took >= c.timeout {
			err = fmt.Errorf("no answer within %s", seconds(c.timeout))
		}
		if c.keep(err) {
			c.changed()
		}
	}()
	err = c.f(ctx)
}

// keep keeps the result of a call, and tells whether it is other news than the one before.
func (c *selfCheck) keep(err error) (news bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	news = c.results == 0 || (err == nil) != (c.err == nil)
	c.running, c.err = false, err
	c.results++
	return news
}

// logPanic logs the first of several panics in a row, with its stack.
func (c *selfCheck) logPanic(err error) {
	c.mu.Lock()
	again := c.err != nil
	c.mu.Unlock()
	if !again {
		c.log.Error("self-check panicked", "check", c.name, "error", err, "stack", string(debug.Stack()))
	}
}

// finding says why the self-check speaks against an up, or, while its first call may still return in time, that there
// is no result yet.
func (c *selfCheck) finding(now time.Time) (why string, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if late := now.Sub(c.since); c.running && late >= c.timeout {
		return fmt.Sprintf("self-check %s: no answer for %s", c.name, seconds(late)), false
	}
	if c.results == 0 {
		return "", true
	}
	if c.err != nil {
		return fmt.Sprintf("self-check %s: %v", c.name, c.err), false
	}
	return "", false
}

// turns is the first moment after now at which a call can be too late although nothing tells of it; zero where one is
// already. Between two calls that is a call's timeout after the next one can begin.
func (c *selfCheck) turns(now time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	late := c.since.Add(c.timeout)
	switch {
	case c.running && !late.After(now):
		return time.Time{}
	case c.running:
		return late
	}
	begins := c.since.Add(c.interval)
	if c.since.IsZero() || begins.Before(now) {
		begins = now
	}
	return begins.Add(c.timeout)
}
