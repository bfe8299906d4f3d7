package checker

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// process is one run of a command, from before its start until it is reaped.
type process struct {
	ended chan ending // gets one value

	mu     sync.Mutex
	pid    int // 0 before the start and after the end
	killed bool
}

// ending is how a process ended, or why there was none.
type ending struct {
	status syscall.WaitStatus
	killed bool // by us
	err    error
}

// errKilledFirst says that the process was killed before it was there.
var errKilledFirst = errors.New("killed before the start")

func newProcess() *process { return &process{ended: make(chan ending, 1)} }

// kill kills the process and its whole group, or keeps it from being started.
func (c *process) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.killed = true
	c.killGroup()
}

func (c *process) killGroup() {
	if c.pid != 0 {
		unix.Kill(-c.pid, unix.SIGKILL) // that nobody is left there is no error
	}
}

// live starts the process, waits for its end, and says how it was.
func (c *process) live(p *program, out *output) {
	onDyingThread(func() {
		err := confineThread()
		if err == nil {
			err = trustProgram(p.argv[0], p.user)
		}
		if err == nil {
			err = c.start(p, out)
		}
		out.closeWriter()
		if err != nil {
			c.ended <- ending{err: err}
			return
		}
		c.ended <- c.wait()
	})
}

func (c *process) start(p *program, out *output) error {
	null, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", os.DevNull, err)
	}
	defer unix.Close(null)
	attr := &syscall.ProcAttr{
		Dir:   "/",
		Env:   p.env,
		Files: []uintptr{uintptr(null), uintptr(out.writer), uintptr(out.writer)},
		Sys: &syscall.SysProcAttr{
			Setsid: true, // its own process group as well
			// The thread that starts it waits for it: it ends before the process only
			// if the whole daemon does.
			Pdeathsig: syscall.SIGKILL,
		},
	}
	if p.user != nil && os.Geteuid() == 0 {
		attr.Sys.Credential = &syscall.Credential{Uid: p.user.UID, Gid: p.user.GID, Groups: p.user.Groups}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.killed {
		return errKilledFirst
	}
	c.pid, err = syscall.ForkExec(p.argv[0], p.argv, attr)
	if err != nil {
		c.pid = 0
	}
	return err
}

// wait waits for the end of the process and then kills what is left of its group.
// Only after that is the process reaped: until then no other can get its number.
func (c *process) wait() ending {
	for {
		err := unix.Waitid(unix.P_PID, c.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			break
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.killGroup()
	end := ending{killed: c.killed}
	for {
		_, err := syscall.Wait4(c.pid, &end.status, 0, nil)
		if err != syscall.EINTR {
			end.err = err
			break
		}
	}
	c.pid = 0
	return end
}

// onDyingThread runs f on a thread that no other goroutine ever runs on again: what f
// does to the thread ends with it.
func onDyingThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The first thread can't end, and stands for the whole process in /proc.
			// While it is held here, the goroutine started next gets another.
			onDyingThread(f)
			runtime.UnlockOSThread()
			return
		}
		f() // without UnlockOSThread, so the thread ends with the goroutine
	}()
	<-done
}

// confineThread takes from the calling thread what a process that it starts must not
// have: inheritable and ambient capabilities, the bounding set, the means to gain
// privileges. What the thread itself may do it still may, or it could not change to
// another user.
func confineThread() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("read capabilities: %w", err)
	}
	data[0].Inheritable, data[1].Inheritable = 0, 0 // and with them the ambient ones
	if err := unix.Capset(&header, &data[0]); err != nil {
		return fmt.Errorf("clear inheritable capabilities: %w", err)
	}
	// The bounding set matters to commands run as root only, and only who may change
	// user may empty it.
	for capability := range 64 {
		if unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(capability), 0, 0, 0) != nil {
			break // no such capability, or not ours to drop
		}
	}
	// The runtime opens all with close-on-exec; what the daemon itself inherited may
	// lack it. This is for the whole process, and harmless to it: whoever starts a
	// process with descriptors gives it copies. Kernels before 5.11 don't know it.
	unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC)
	return nil
}
