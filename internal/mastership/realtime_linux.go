package mastership

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// realTimePriority is of SCHED_RR, 1..99: above ordinary processes, below what the
	// kernel and its watchdogs use.
	realTimePriority = 20
	// loopPriority is that of the loop's own thread: it comes before the runtime's other
	// threads, those that collect garbage above all.
	loopPriority = realTimePriority + 1
	// spareProcessors are those of the Go runtime beyond the host's: the loop finds one
	// free when it wakes up, also while garbage is collected.
	spareProcessors = 4
	// collectAt is how much the heap grows before it is collected, in percent of what is
	// in use: many times less often than by default, which 16 MB more are worth.
	collectAt = 400
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
	if err := setPriority(realTimePriority); err != nil {
		return fmt.Errorf("SCHED_RR: %w (want LimitRTPRIO=%d or more for the service)", err, loopPriority)
	}
	return nil
}

// setPriority gives this thread a real-time priority.
func setPriority(priority uint32) error {
	return unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: priority}, 0)
}

// leadThread makes this thread, which is the caller's from now on, the one that is run
// first of all in this process.
func leadThread() error {
	runtime.LockOSThread()
	debug.SetGCPercent(collectAt)
	runtime.GOMAXPROCS(runtime.NumCPU() + spareProcessors)
	if !isRealTime() {
		return errors.New("this process has not got the real-time priority that it asked for")
	}
	return setPriority(loopPriority)
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
