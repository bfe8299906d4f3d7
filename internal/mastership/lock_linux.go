package mastership

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// The lock is one of fcntl(2): the kernel knows who holds it, so that there is no file
// of a process number to be out of date, and it lives as long as its process, also when
// that executes the program anew.

// errLocked means that another process holds the lock.
var errLocked = errors.New("another mastership process holds the lock")

// takeLock locks a file, which is made where it is missing, until this process ends. The
// file must not be opened anew in it: closing any descriptor of it would give the lock back.
func takeLock(path string) error {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("open the lock %s: %w", path, err)
	}
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	switch err := unix.FcntlFlock(uintptr(fd), unix.F_SETLK, &lock); {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%s: %w", path, errLocked)
	case err != nil:
		return fmt.Errorf("lock %s: %w", path, err)
	}
	return nil
}

// holder is the process that holds a lock, 0 where none does.
func holder(path string) (pid int, err error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer file.Close()
	lock := unix.Flock_t{Type: unix.F_RDLCK}
	if err := unix.FcntlFlock(file.Fd(), unix.F_GETLK, &lock); err != nil {
		return 0, fmt.Errorf("look who holds %s: %w", path, err)
	}
	if lock.Type == unix.F_UNLCK {
		return 0, nil
	}
	return int(lock.Pid), nil
}

// lockPoll is how often a lock that another process holds is looked at.
const lockPoll = 20 * time.Millisecond

// awaitLock waits until nobody holds a lock. Who still holds it at the limit is killed; killed says so.
func awaitLock(ctx context.Context, path string, limit time.Duration) (killed bool, err error) {
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	for {
		pid, err := holder(path)
		if err != nil || pid == 0 {
			return killed, err
		}
		if time.Now().After(deadline) && !killed {
			if err := killHolder(path, pid); err != nil {
				return false, err
			}
			killed = true
		}
		select {
		case <-ctx.Done():
			return killed, ctx.Err()
		case <-tick.C:
		}
	}
}

// killHolder kills the process that holds a lock, and none that has meanwhile got its
// number.
func killHolder(path string, pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the mastership process %d: %w", pid, err)
	}
	defer unix.Close(fd)
	// While it holds the lock the number is its own.
	if still, err := holder(path); err != nil || still != pid {
		return err
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill the mastership process %d of an earlier daemon: %w", pid, err)
	}
	return nil
}
