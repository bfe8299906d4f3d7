package mastership

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// realTimePriority is of SCHED_RR, 1..99: above ordinary processes, below what the
	// kernel and its watchdogs use. It is the same for all threads: one of a higher priority
	// may wait in the Go runtime for one of a lower, without ever giving way to it.
	realTimePriority = 20
	// realTimeLimit is how long a thread of the process may run without waiting once:
	// the kernel kills one that runs away, since it would keep all others waiting.
	realTimeLimit = 2 * time.Second
)

// becomeRealTime gives this thread real-time priority. The Go runtime has started its threads
// by now, and those keep the priority they have: who calls this executes the program
// anew, whose threads all inherit it.
func becomeRealTime() error {
	runtime.LockOSThread()
	limit := unix.Rlimit{Cur: uint64(realTimeLimit.Microseconds()), Max: uint64(realTimeLimit.Microseconds())}
	if err := unix.Setrlimit(unix.RLIMIT_RTTIME, &limit); err != nil {
		return fmt.Errorf("RLIMIT_RTTIME: %w", err)
	}
	attr := &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: realTimePriority}
	if err := unix.SchedSetAttr(0, attr, 0); err != nil {
		return fmt.Errorf("SCHED_RR: %w (want LimitRTPRIO=%d or more for the service)", err, realTimePriority)
	}
	return nil
}

// leadThread makes this thread the caller's from now on. The runtime runs one goroutine at
// a time, so that none spins while another that it waits for is not run. One that is in a
// system call lets the others run after some 20 ms at most.
func leadThread() error {
	runtime.LockOSThread()
	runtime.GOMAXPROCS(1)
	if !isRealTime() {
		return errors.New("this process has not got the real-time priority that it asked for")
	}
	return nil
}

// isRealTime reports whether this thread has real-time priority.
func isRealTime() bool {
	attr, err := unix.SchedGetAttr(0, 0)
	return err == nil && attr.Policy == unix.SCHED_RR
}

// again executes the program anew in this process. It returns only on an error.
func again(args ...string) error {
	err := unix.Exec("/proc/self/exe", args, os.Environ())
	return fmt.Errorf("execute the program anew: %w", err)
}
