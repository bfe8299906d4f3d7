package mastership

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/mainstay-lvs/mainstay/internal/link"
	"github.com/mainstay-lvs/mainstay/vrrp"
)

// Command is the name of the subcommand that runs [Main].
const Command = "mastership"

// pipeFD is the descriptor of the socket pair to the daemon.
const pipeFD = 3

// The process starts in two steps: the first takes real-time priority and executes the
// program anew, so that all threads of the second have it.
const stepReady = "ready"

// Main is the mastership process, as a [Supervisor] starts it: args are the path of the lock and,
// in the second step, how the first went. It returns the exit status.
func Main(args []string) int {
	// An order to end reaches the daemon, which hands over in good order.
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGABRT, syscall.SIGPIPE)
	if err := start(args); err != nil {
		fmt.Fprintf(os.Stderr, "mainstay %s: %v\n", Command, err)
		return 1
	}
	return 0
}

func start(args []string) error {
	second := len(args) == 3 && args[1] == stepReady
	if len(args) != 1 && !second {
		return fmt.Errorf("mainstay run starts this by itself: it is not for people")
	}
	lock := args[0]
	if !second {
		why := ""
		if err := becomeRealTime(); err != nil {
			why = err.Error()
		}
		return again(os.Args[0], Command, lock, stepReady, why)
	}
	why := args[2]
	unix.CloseOnExec(pipeFD)
	if err := takeLock(lock); err != nil {
		return err
	}
	if err := leadThread(); err != nil && why == "" {
		why = err.Error()
	}
	return serve(why)
}

// serve opens what the loop needs, and runs it.
func serve(realTime string) error {
	if err := unix.SetNonblock(pipeFD, true); err != nil {
		return fmt.Errorf("the pipe to the daemon: %w", err)
	}
	l := &loop{
		pipe: &pipe{fd: pipeFD}, orphan: newOrphanLog(), conns: make(map[connKey]*vrrp.Conn), realTime: realTime,
		garbage: takeGarbage(),
	}
	defer l.orphan.close()
	var err error
	if l.links, err = link.Open(); err != nil {
		return err
	}
	defer l.links.Close()
	if l.watcher, err = link.Watch(); err != nil {
		return err
	}
	defer l.watcher.Close()
	return l.run()
}
