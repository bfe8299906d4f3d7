package pair

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

// mastershipProcess is the number of a director's mastership process.
func mastershipProcess(t *testing.T, d *Director) int {
	t.Helper()
	pid := 0
	lab.Eventually(t, d.String()+" has a mastership process", func() (bool, string) {
		for _, p := range d.Host.Processes() {
			line, err := os.ReadFile("/proc/" + strconv.Itoa(p) + "/cmdline")
			if err == nil && strings.HasPrefix(string(line), "mainstay\x00mastership\x00") && strings.Contains(string(line), "\x00ready\x00") {
				pid = p
			}
		}
		return pid != 0, ""
	})
	return pid
}

// explains waits until a director's explanation of the router matches.
func explains(t *testing.T, d *Director, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	var said string
	lab.Eventually(t, d.String()+" explains "+pattern, func() (bool, string) {
		_, said = d.Ask("explain", Name)
		return re.MatchString(said), said
	})
	return said
}

// The mastership process alone is killed: the daemon starts it again, and it adopts what
// is there. The address never leaves.
func TestAKilledMastershipProcessIsStartedAgain(t *testing.T) {
	t.Parallel()
	p, a := alone(t)
	ping := p.Ping()
	mark := p.Mark()
	first := mastershipProcess(t, a)
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	a.process.WaitFor(0, `the mastership process is not there: starting it again`)
	p.Stays(a)
	never(t, p, mark, a, Removes)
	if got := ping.Stop(); got.Lost > 0 {
		t.Errorf("%d pings of %d lost", got.Lost, got.Sent)
	}
	if _, said := a.Ask("status"); !strings.Contains(said, "restart") {
		t.Errorf("status does not tell of it:\n%s", said)
	}
}

// A mastership process that hangs is killed and started again. Meanwhile the peer has
// taken over, and is not fought.
func TestAHungMastershipProcessIsReplaced(t *testing.T) {
	t.Parallel()
	beside(t, fast, func(t *testing.T, p *Pair, a, b *Director) {
		hung := mastershipProcess(t, a)
		if err := syscall.Kill(hung, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		p.Holds(b)
		a.process.WaitFor(0, `kept silent for 1s, and was killed`)
		p.Bare(a)
		p.Stays(b) // for 30 s after a crash nobody is preempted
	})
}

// It passes over the signals that a service manager or a terminal sends to all.
func TestTheMastershipProcessPassesOverSignals(t *testing.T) {
	t.Parallel()
	p, a := alone(t)
	process := mastershipProcess(t, a)
	mark := p.Mark()
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGABRT} {
		if err := syscall.Kill(process, s); err != nil {
			t.Fatal(err)
		}
	}
	p.Stays(a)
	never(t, p, mark, a, Removes)
	if got := mastershipProcess(t, a); got != process {
		t.Errorf("it was %d, now it is %d", process, got)
	}
}

// As the service's own user the daemon needs no more than two capabilities; its mastership
// process gets them. Without the right to real-time priority it says so, and works.
func TestAnUnprivilegedUser(t *testing.T) {
	t.Parallel()
	p := New(t, Router{Version: 3, Interval: fast}, Member{Program: Mainstay, Priority: high})
	a := p.Directors[0]
	// The user must reach the program and its files.
	dir, err := os.MkdirTemp("", "mainstay-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	program := filepath.Join(dir, "mainstay")
	if out, err := exec.Command("cp", Bin(t, "mainstay"), program).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	a.dir = filepath.Join(dir, "files")
	if err := os.Mkdir(a.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	a.write("mainstay.yaml", a.mainstayConfig())
	if out, err := exec.Command("chown", "-R", "65534:65534", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	a.process = a.Host.Start("prlimit", "--rtprio=0:0", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
		"--inh-caps=-all,+net_admin,+net_raw", "--ambient-caps=-all,+net_admin,+net_raw", "--bounding-set=-all,+net_admin,+net_raw", "--no-new-privs",
		program, "run", "--config", a.file("mainstay.yaml"))
	a.process.WaitFor(0, `ready`)
	p.Master(a)
	a.process.WaitFor(0, `runs without real-time priority.*LimitRTPRIO`)
	a.Stop()
	p.Bare(a)
}

// Who may have real-time priority has it, on all threads.
func TestRealTimePriority(t *testing.T) {
	t.Parallel()
	_, a := alone(t)
	process := mastershipProcess(t, a)
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", process))
	if err != nil || len(threads) < 2 {
		t.Fatalf("threads %v, %v", threads, err)
	}
	for _, file := range threads {
		if got := schedulingPolicy(t, file); got != schedRR {
			t.Errorf("%s: the scheduling policy is %d, want %d", file, got, schedRR)
		}
	}
}

const schedRR = 2 // sched(7)

// schedulingPolicy is a thread's, of proc_pid_stat(5), field 41.
func schedulingPolicy(t *testing.T, file string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), ") ")
	policy, err := strconv.Atoi(strings.Fields(after)[41-3])
	if err != nil {
		t.Fatal(err)
	}
	return policy
}
