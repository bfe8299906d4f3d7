package daemon

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// dropAmbient takes the ambient capabilities, which systemd gives to a daemon that
// is not root, from all threads: no program that the daemon starts inherits them.
// The daemon keeps its permitted ones.
func dropAmbient() error {
	_, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0, 0)
	if errno == 0 {
		return nil
	}
	// A build with cgo can't reach all threads; there it must have none to drop.
	if errno == unix.ENOTSUP && ambient() == "0000000000000000" {
		return nil
	}
	return fmt.Errorf("drop the ambient capabilities: %w", errors.New(unix.ErrnoName(errno)))
}

// ambient is the process's set of ambient capabilities, in hex.
func ambient() string {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if set, ok := strings.CutPrefix(line, "CapAmb:"); ok {
			return strings.TrimSpace(set)
		}
	}
	return ""
}
