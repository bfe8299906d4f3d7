package checker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"time"
)

// Config is what an [Engine] is told besides its checks. The zero value will do,
// except that commands need a CommandUser where the process runs as root.
type Config struct {
	// CommandUser is whom commands run as where the process runs as root; it is not
	// looked at otherwise.
	CommandUser *User
	// MaxRuns bounds the runs at a time that are no commands. 0: 8192, or three
	// eighths of the limit on open files if that is less. Dead servers hold a run
	// for the whole timeout: with 10,000 of them 5,000 runs are at work.
	MaxRuns int
	// MaxCommands bounds the commands at a time. 0: 256: those that hang must not keep the others waiting.
	MaxCommands int
	// MaxPending bounds the events that wait for the consumer. 0: 16384.
	MaxPending int
	// Shortcut is asked when a watch that was up has ended and the program refuses the
	// first redial: true takes the server for down at once, false leaves that to Fall.
	// It is how a limit is kept on what one event can take out, and is called from
	// any goroutine. Nil: always false.
	Shortcut func(Key) bool
	// Heartbeats is for checks of kind [Heartbeat].
	Heartbeats HeartbeatConfig
	// Logger, if not nil, hears of what the engine itself did wrong.
	Logger *slog.Logger

	shelf *shelf // of the connections that polls keep
}

const (
	defaultMaxRuns     = 8192
	defaultMaxCommands = 256
	defaultMaxPending  = 16384
)

func (c Config) withDefaults() Config {
	if c.MaxRuns <= 0 {
		c.MaxRuns = defaultMaxRuns
		var files syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err == nil {
			c.MaxRuns = int(max(1, min(uint64(c.MaxRuns), files.Cur/8*3)))
		}
	}
	if c.MaxCommands <= 0 {
		c.MaxCommands = defaultMaxCommands
	}
	if c.MaxPending <= 0 {
		c.MaxPending = defaultMaxPending
	}
	c.shelf = newShelf()
	return c
}

// Engine runs checks, each in its interval, and tells their results as events. Make
// one with [New]. It is safe for concurrent use.
//
// A check's runs start an interval apart, start to start, and never overlap. A run
// that does not come back from its deadline counts as a failure, holds up no other
// check, and is followed by another only when it has come back.
type Engine struct {
	config  Config
	prepare func(Spec) (probe, error)
	epoch   time.Time // of all moments
	meter   stallMeter
	outbox  *outbox
	hearts  *hearts
	watches *watchLoop
	wake    chan struct{} // tells Run to look again

	setting   sync.Mutex // one Set at a time
	disbanded bool       // guarded by setting: nothing begins any more

	mu       sync.Mutex // guards all below
	ctx      context.Context
	state    lifetime
	checks   map[Key]*check // changed by Set alone
	network  lane
	commands lane
	flights  timetable     // checks whose run is at work, by when to give it up
	airborne int           // runs at work, those given up included
	landed   chan struct{} // closed when, at the end, none is at work any more
	sleeping moment        // until when Run sleeps
	tally    tally
	owing    []*check // whose owed may not be nil
}

type lifetime uint8

const (
	made lifetime = iota
	running
	stopping
)

// New makes an engine without checks. It starts nothing: Run does.
func New(c Config) *Engine {
	c = c.withDefaults()
	return newEngine(c, func(s Spec) (probe, error) { return prepare(s, c) })
}

// newEngine makes an engine whose checks are made ready by prepare.
func newEngine(c Config, prepare func(Spec) (probe, error)) *Engine {
	e := &Engine{
		config:   c,
		prepare:  prepare,
		epoch:    time.Now(),
		wake:     make(chan struct{}, 1),
		checks:   make(map[Key]*check),
		network:  lane{limit: c.MaxRuns},
		commands: lane{limit: c.MaxCommands, process: true},
		landed:   make(chan struct{}),
	}
	e.outbox = newOutbox(e.lookAgain)
	e.hearts = newHearts(e, c.Heartbeats)
	e.watches = newWatchLoop(e)
	return e
}

// now is the present moment.
func (e *Engine) now() moment { return time.Since(e.epoch) }

// lookAgain wakes Run.
func (e *Engine) lookAgain() {
	select {
	case e.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Events returns the stream of events, one for each result in the order of the
// results; the same channel at each call. It is closed when Run ends.
//
// The consumer may be slow: up to [Config].MaxPending events wait for it. When so
// many do, no further run starts until it has taken some, and checks are late: no
// event is lost, and no verdict suffers. What waits when Run ends is dropped.
func (e *Engine) Events() <-chan Event { return e.outbox.out }

// Run runs the checks until ctx is done, and may be called once. Runs at work are
// then cut short. The error is nil unless some did not come back within a second, or
// Run was called before.
func (e *Engine) Run(ctx context.Context) error {
	if err := e.start(ctx); err != nil {
		return err
	}
	var helpers sync.WaitGroup
	helpers.Go(func() { e.meter.run(ctx, e.now) })
	helpers.Go(func() { e.outbox.deliver(ctx) })
	helpers.Go(func() { e.hearts.keepTime(ctx) })
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		timer.Reset(e.step())
		select {
		case <-ctx.Done():
		case <-e.wake:
		case <-timer.C:
		}
	}
	err := e.land()
	e.disband()
	e.watches.stop()
	helpers.Wait()
	close(e.outbox.out)
	return err
}

// start has the checks begin that were set before Run.
func (e *Engine) start(ctx context.Context) error {
	e.setting.Lock()
	defer e.setting.Unlock()
	if err := e.begin(ctx); err != nil {
		return err
	}
	for _, c := range e.checks {
		e.stand(c)
	}
	return nil
}

// disband ends what checks hold beyond their runs.
func (e *Engine) disband() {
	e.setting.Lock()
	defer e.setting.Unlock()
	e.disbanded = true
	for _, c := range e.checks {
		c.release()
	}
}

// begin schedules what was set before Run.
func (e *Engine) begin(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.state != made {
		return errors.New("run checks: the engine was run before")
	}
	e.state, e.ctx = running, ctx
	now := e.now()
	for _, c := range e.checks {
		if c.standing == nil {
			c.schedule(now)
		}
	}
	return nil
}

// stopGrace is how long the end of Run waits for runs that it has cut short.
const stopGrace = time.Second

// land waits for the runs at work, which ctx has cut short.
func (e *Engine) land() error {
	e.mu.Lock()
	e.state = stopping
	if e.airborne == 0 {
		close(e.landed)
	}
	e.mu.Unlock()
	grace := time.NewTimer(stopGrace)
	defer grace.Stop()
	select {
	case <-e.landed:
		return nil
	case <-grace.C:
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.airborne == 0 {
		return nil
	}
	return fmt.Errorf("stop checks: %d runs were left behind: they did not come back within %s", e.airborne, stopGrace)
}
