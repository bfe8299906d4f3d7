package main

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// realTimeVariable marks the second start, which has tried for real-time priority.
const realTimeVariable = "WITNESS_REAL_TIME"

// inRealTime starts this program anew with real-time priority on all of its threads, so
// that what it measures is not its own lateness. It returns in the program that was
// started anew, and says whether the priority was to be had.
func inRealTime() (bool, error) {
	if got := os.Getenv(realTimeVariable); got != "" {
		return got == "yes", nil
	}
	self, err := os.Executable()
	if err != nil {
		return false, err
	}
	runtime.LockOSThread() // what is started anew has this thread's priority
	got := "yes"
	if unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 50}, 0) != nil {
		got = "no"
	}
	err = unix.Exec(self, os.Args, append(os.Environ(), realTimeVariable+"="+got))
	return false, fmt.Errorf("start %s anew: %w", self, err)
}
