package checker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// User is whom commands run as.
type User struct {
	UID    uint32
	GID    uint32
	Groups []uint32 // supplementary
}

// program runs a command. The command is confined: no capabilities, no way to gain
// any (no_new_privs), an environment of three variables, no descriptors but its
// standard ones, a session and process group of its own, which is killed whole when
// its first process ends or the deadline comes. That first process does not outlive
// the daemon.
type program struct {
	argv    []string
	env     []string
	user    *User // nil: the daemon's own
	timeout time.Duration
	weighs  bool // its exit codes from 2 on ask for a weight
}

// searchPath is the PATH of commands.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func prepareCommand(s Spec, o Command, c Config) (probe, error) {
	if len(o.Argv) == 0 {
		return nil, errors.New("the command names no program")
	}
	if !filepath.IsAbs(o.Argv[0]) {
		return nil, fmt.Errorf("the command's program %q is not an absolute path", o.Argv[0])
	}
	for _, arg := range o.Argv {
		if strings.ContainsRune(arg, 0) {
			return nil, fmt.Errorf("the command's argument %q has a zero byte", arg)
		}
	}
	return &program{
		argv: o.Argv,
		env: []string{
			"PATH=" + searchPath,
			"MAINSTAY_ADDRESS=" + s.Target.Addr().String(),
			fmt.Sprintf("MAINSTAY_PORT=%d", s.Target.Port()),
		},
		user:    c.CommandUser,
		timeout: s.Timing.Timeout,
		weighs:  o.DynamicWeight,
	}, nil
}

func (p *program) run(ctx context.Context, t *transcript) Result {
	if os.Geteuid() == 0 && p.user == nil {
		return inconclusive("the daemon runs as root, and a command must not: set command_user")
	}
	out, err := newOutput()
	if err != nil {
		return p.startTrouble(err)
	}
	child := newProcess()
	go child.live(p, out)
	// Where a process can't be killed, because it waits for a device or a file
	// system, this waits as well: another run would only add another such process.
	// The engine sees that a run does not come back, and goes on.
	stop := context.AfterFunc(ctx, child.kill)
	end := <-child.ended
	stop()
	said := out.finish()
	t.addRead(said)
	return p.judge(ctx, end, said)
}

// judge says what the end of the process means.
func (p *program) judge(ctx context.Context, end ending, said []byte) Result {
	var reason string
	switch status := end.status; {
	case end.err == errKilledFirst && ctx.Err() == context.Canceled:
		return inconclusive("interrupted before the command ran")
	case end.err != nil:
		return p.startTrouble(end.err)
	case status.Exited() && status.ExitStatus() == 0:
		return success()
	case status.Exited() && status.ExitStatus() >= leastWeighing && p.weighs:
		return weighed(status.ExitStatus())
	case status.Exited():
		reason = fmt.Sprintf("exit status %d", status.ExitStatus())
	case end.killed && ctx.Err() == context.Canceled:
		return inconclusive("interrupted while the command ran")
	case end.killed:
		reason = "did not end within " + p.timeout.String()
	default:
		reason = "killed by " + unix.SignalName(status.Signal())
	}
	if line := firstLine(said); line != "" {
		reason += ": " + line
	}
	return failed(reason)
}

// leastWeighing is the exit status that asks for weight 0; those above it ask for more.
const leastWeighing = 2

// weighed is the result of a command that asks for a weight with its exit status. What
// it printed is not part of the reason: it may differ each time, and nothing changed.
func weighed(status int) Result {
	r := success()
	r.Weight = Some(status - leastWeighing)
	r.Reason = fmt.Sprintf("exit status %d asks for weight %d", status, r.Weight.Value)
	return r
}

// startTrouble turns what kept a command from running into a result.
func (p *program) startTrouble(err error) Result {
	name := p.argv[0]
	var errno syscall.Errno
	var distrust *distrustError
	switch {
	case errors.As(err, &distrust):
		return inconclusive(name + " is not run: " + distrust.Error())
	case errors.Is(err, fs.ErrNotExist):
		return failed(name + " does not exist, or the interpreter that it names")
	case err == errKilledFirst:
		return inconclusive("this host could not start " + name + " within " + p.timeout.String())
	case !errors.As(err, &errno):
		return inconclusive(name + " could not be started: " + plain(err))
	}
	switch errno {
	case syscall.EACCES:
		return failed(name + " may not be executed: permission denied")
	case syscall.ENOEXEC:
		return failed(name + " is no program: a script begins with #!")
	case syscall.ENOTDIR, syscall.ELOOP, syscall.EISDIR:
		return failed(name + " is no program: " + errno.Error())
	case syscall.EPERM:
		return inconclusive("this daemon may not start commands as another user, or not confine them")
	}
	if reason := ownTrouble(errno); reason != "" {
		return inconclusive(reason)
	}
	return inconclusive(name + " could not be started: " + errno.Error())
}

// firstLine returns the first line of what a command printed that has anything in it.
func firstLine(said []byte) string {
	for line := range strings.Lines(string(said)) {
		if line = clean(line); line != "" {
			return line
		}
	}
	return ""
}
