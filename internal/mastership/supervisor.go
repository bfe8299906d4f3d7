package mastership

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mainstay-lvs/mainstay/vrrp"
)

const (
	// pingInterval is how often the process is asked whether it is there.
	pingInterval = 100 * time.Millisecond
	// silence is how many pings in a row may stay without an answer: 1 s. They are counted and
	// not timed, so that a daemon that was itself not run blames nobody.
	silence = 10
	// restartDelay is the least time between two starts of the process. It doubles, up to
	// restartDelayMost, while the process does not live as long as that.
	restartDelay     = time.Second
	restartDelayMost = 30 * time.Second
	// startTime is what a process takes to be there, at most.
	startTime = 10 * time.Second
	// holdAfterCrash is how long routers do not preempt after an unclean start.
	holdAfterCrash = 30 * time.Second
	// leaveMargin is added to the time that the routers take to hand over.
	leaveMargin = 2 * time.Second
)

// Options are what a [Supervisor] is made of.
type Options struct {
	Lock    string // the path of the process's lock
	Unclean bool   // the last daemon or process did not end well
	Logger  *slog.Logger
	// News is called with each report but for pongs and answers, by one goroutine at a time.
	News func(Report)
}

// Supervisor is the daemon's side: it starts the process when there are routers, starts
// it again when it ends or keeps silent, and tells it what there shall be.
type Supervisor struct {
	Options
	mu       sync.Mutex
	wanted   *Setup // nil: nothing was set yet
	conn     *child // nil: not running
	started  bool   // one ran before
	longest  time.Duration
	answers  map[uint64]chan FailoverAnswer
	lastID   uint64
	restarts int

	changed chan struct{} // holds one: wanted was set
}

// NewSupervisor returns a supervisor that [Supervisor.Run] sets to work.
func NewSupervisor(o Options) *Supervisor {
	return &Supervisor{Options: o, answers: make(map[uint64]chan FailoverAnswer), changed: make(chan struct{}, 1)}
}

// Set says which routers there shall be.
func (s *Supervisor) Set(routers []RouterSetup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted = &Setup{Routers: routers}
	for _, r := range routers { // one that leaves the file takes its time, too
		s.longest = max(s.longest, vrrp.RetireIntervals*r.AdvertInterval)
	}
	if s.conn != nil {
		s.conn.send(Order{Setup: s.wanted})
	}
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// Penalise says what tracking takes off the routers' priorities.
func (s *Supervisor) Penalise(penalties map[string]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wanted == nil {
		return
	}
	// What is on its way to the process is not touched.
	routers := make([]RouterSetup, len(s.wanted.Routers))
	for i, r := range s.wanted.Routers {
		r.Penalty = penalties[r.Name]
		routers[i] = r
	}
	s.wanted = &Setup{Routers: routers}
	if s.conn != nil {
		s.conn.send(Order{Penalise: &Penalties{Routers: penalties}})
	}
}

// Restarts is how often the process had to be started again.
func (s *Supervisor) Restarts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.restarts
}

// Running reports whether the process runs.
func (s *Supervisor) Running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn != nil
}

// errNotRunning means that no process is there to obey.
var errNotRunning = errors.New("the mastership process does not run at this moment: try again")

// Failover has a router, and those of its sync group, hand over and stand by, or with
// cancel no longer stand by. It returns when that is done, or with a sentence when it can't be.
func (s *Supervisor) Failover(ctx context.Context, router string, cancel bool) error {
	s.mu.Lock()
	if s.conn == nil {
		s.mu.Unlock()
		return errNotRunning
	}
	s.lastID++
	id := s.lastID
	answer := make(chan FailoverAnswer, 1)
	s.answers[id] = answer
	s.conn.send(Order{Failover: &FailoverOrder{ID: id, Router: router, Cancel: cancel}})
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.answers, id)
		s.mu.Unlock()
	}()
	select {
	case a := <-answer:
		if a.Error != "" {
			return errors.New(a.Error)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ErrAbandon as the cause of a context's end has [Supervisor.Run] let go of the process
// without a word: it hands over, and where nobody takes over leaves the addresses in place.
var ErrAbandon = errors.New("the daemon ends without being told to")

// Run keeps the process going until the context ends; then it has the routers hand
// over, and waits for the process. An error says that they were not handed over in good order.
func (s *Supervisor) Run(ctx context.Context) error {
	select {
	case <-s.changed:
	case <-ctx.Done():
		return nil
	}
	delay := restartDelay
	for unclean := s.Unclean; ctx.Err() == nil; unclean = true {
		started := time.Now()
		if err := s.once(ctx, unclean); err != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("the mastership process: %w", err)
			}
			s.Logger.Error("the mastership process is not there: starting it again", "error", err)
		}
		lived := time.Since(started)
		pause := time.NewTimer(delay - lived)
		if delay = min(2*delay, restartDelayMost); lived > restartDelayMost {
			delay = restartDelay
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
		pause.Stop()
	}
	return nil
}

// retireLimit is how long routers take to hand over, at most.
func (s *Supervisor) retireLimit() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.longest + leaveMargin
}

// AwaitEnd waits until no mastership process is there any more, that of an earlier daemon
// included; one that does not end within the limit is killed.
func AwaitEnd(ctx context.Context, lock string, limit time.Duration) error {
	_, err := awaitLock(ctx, lock, limit)
	return err
}

// once starts the process, and lives as long as it.
func (s *Supervisor) once(ctx context.Context, unclean bool) error {
	switch killed, err := awaitLock(ctx, s.Lock, s.retireLimit()); {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	case killed:
		s.Logger.Warn("killed the mastership process of an earlier daemon, which did not end by itself")
		unclean = true
	}
	c, err := startChild(s.Lock)
	if err != nil {
		return err
	}
	s.mu.Lock()
	if s.started {
		s.restarts++
	}
	s.conn, s.started = c, true
	setup := *s.wanted
	if unclean {
		setup.HoldPreemption = holdAfterCrash
	}
	c.send(Order{Setup: &setup})
	s.mu.Unlock()

	err = s.live(ctx, c)

	if ctx.Err() == nil {
		s.News(Report{Status: &Status{}}) // what it said last is no longer so
	}
	s.mu.Lock()
	s.conn = nil
	for _, a := range s.answers {
		select {
		case a <- FailoverAnswer{Error: "the mastership process ended before it was done (mainstay status)"}:
		default:
		}
	}
	s.mu.Unlock()
	return err
}

// live listens to the process and pings it, until it ends. When the context ends it is
// told to stop.
func (s *Supervisor) live(ctx context.Context, c *child) error {
	reports := make(chan Report, 64)
	ended := make(chan error, 1)
	var wg sync.WaitGroup
	wg.Go(func() { c.write() })
	wg.Go(func() { c.read(reports) })
	go func() { ended <- c.cmd.Wait() }()
	defer wg.Wait()
	defer c.close()

	tick := time.NewTicker(pingInterval)
	defer tick.Stop()
	asked, answered, seen := uint64(0), uint64(0), uint64(0)
	unanswered, tolerated := 0, int(startTime/pingInterval)
	stop, deadline := ctx.Done(), (<-chan time.Time)(nil)
	var killed error
	for {
		select {
		case r, more := <-reports:
			if !more {
				reports = nil
				continue
			}
			if r.Pong != 0 {
				answered, tolerated = r.Pong, silence
				continue
			}
			s.take(r)
		case <-tick.C:
			if unanswered++; answered != seen {
				seen, unanswered = answered, 0
			}
			if unanswered > tolerated {
				killed = fmt.Errorf("it kept silent for %s, and was killed", time.Duration(tolerated)*pingInterval)
				c.kill()
				unanswered = 0
				continue
			}
			asked++
			c.send(Order{Ping: asked})
		case <-stop:
			if errors.Is(context.Cause(ctx), ErrAbandon) {
				return nil
			}
			stop = nil
			c.send(Order{Stop: true})
			t := time.NewTimer(s.retireLimit())
			defer t.Stop()
			deadline = t.C
		case <-deadline:
			killed = errors.New("it did not end when it was told to, and was killed: virtual addresses may still be on this host")
			c.kill()
		case err := <-ended:
			// What it said last is read to the end.
			for r := range orNone(reports) {
				if r.Pong == 0 {
					s.take(r)
				}
			}
			switch {
			case killed != nil:
				return killed
			case ctx.Err() != nil && err == nil:
				return nil
			case err == nil:
				return errors.New("it ended without being told to")
			default:
				return err
			}
		}
	}
}

// orNone is a channel, or where it is nil one that is closed.
func orNone(c chan Report) <-chan Report {
	if c != nil {
		return c
	}
	none := make(chan Report)
	close(none)
	return none
}

// take hands a report to whom it is for.
func (s *Supervisor) take(r Report) {
	if r.Failover == nil {
		s.News(r)
		return
	}
	s.mu.Lock()
	answer := s.answers[r.Failover.ID]
	delete(s.answers, r.Failover.ID)
	s.mu.Unlock()
	if answer != nil {
		answer <- *r.Failover
	}
}

// child is one run of the process.
type child struct {
	cmd  *exec.Cmd
	conn net.Conn

	mu     sync.Mutex
	queue  []Order
	more   chan struct{} // holds one: something was queued
	closed chan struct{}
}

// startChild starts the process with the capabilities that it needs.
func startChild(lock string) (*child, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make the pipe to the mastership process: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "mastership"), os.NewFile(uintptr(fds[1]), "daemon")
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	_ = ours.Close()
	if err != nil {
		return nil, fmt.Errorf("the pipe to the mastership process: %w", err)
	}
	cmd := &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{"mainstay", Command, lock},
		Stderr: os.Stderr, ExtraFiles: []*os.File{theirs}, Env: []string{"PATH=/usr/bin:/bin"}, Dir: "/",
		// A group of its own: a terminal's signals are the daemon's.
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_NET_ADMIN, unix.CAP_NET_RAW}
	}
	if err := cmd.Start(); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("start the mastership process: %w (want CAP_NET_ADMIN and CAP_NET_RAW)", err)
	}
	return &child{cmd: cmd, conn: conn, more: make(chan struct{}, 1), closed: make(chan struct{})}, nil
}

// send queues an order.
func (c *child) send(o Order) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o.Ping != 0 && len(c.queue) > 0 {
		return // the process does not read, which is what a ping is to find out
	}
	c.queue = append(c.queue, o)
	select {
	case c.more <- struct{}{}:
	default:
	}
}

// write writes the queued orders, until the process is gone.
func (c *child) write() {
	for {
		select {
		case <-c.more:
		case <-c.closed:
			return
		}
		c.mu.Lock()
		orders := c.queue
		c.queue = nil
		c.mu.Unlock()
		for _, o := range orders {
			line, err := encode(o)
			if err == nil {
				_, err = c.conn.Write(line)
			}
			if err != nil {
				return
			}
		}
	}
}

// read hands on what the process reports, until its end.
func (c *child) read(reports chan<- Report) {
	defer close(reports)
	lines := bufio.NewScanner(c.conn)
	lines.Buffer(make([]byte, 64<<10), maxMessage)
	for lines.Scan() {
		var r Report
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			continue
		}
		select {
		case reports <- r:
		case <-c.closed:
			return
		}
	}
}

func (c *child) kill() { _ = c.cmd.Process.Kill() }

// close ends reading and writing; the process is gone.
func (c *child) close() {
	close(c.closed)
	_ = c.conn.Close()
}
