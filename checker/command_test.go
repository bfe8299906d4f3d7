package checker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func commandSpec(argv ...string) Spec {
	return Spec{Target: netip.MustParseAddrPort("192.0.2.1:80"), Options: Command{Argv: argv}, Timing: patient}
}

func shell(script string) Spec { return commandSpec("/bin/sh", "-c", script) }

func quick(s Spec) Spec { s.Timing = hasty; return s }

// folder makes a folder that the commands' user can enter.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func writeFile(t *testing.T, path, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCommand(t *testing.T) {
	dir := folder(t)
	plain := writeFile(t, dir+"/plain", "#!/bin/sh\n", 0o644)
	strange := writeFile(t, dir+"/strange", "what is this\n", 0o755)
	orphan := writeFile(t, dir+"/orphan", "#!/no/such/interpreter\n", 0o755)
	for _, c := range []struct {
		name   string
		spec   Spec
		answer Answer
		reason string
	}{
		{"exit 0", commandSpec("/bin/true"), Success, ""},
		{"exit 0 with words", shell("echo fine; echo well >&2"), Success, ""},
		{"another exit", commandSpec("/bin/false"), Failure, "exit status 1"},
		{"its first line", shell("echo; echo disk full; echo more; exit 3"), Failure, "exit status 3: disk full"},
		{"its first line as an error", shell("echo 'no\x1b[1m such' >&2; exit 3"), Failure, "exit status 3: no?[1m such"},
		{"a signal", shell("kill -SEGV $$"), Failure, "killed by SIGSEGV"},
		{"the deadline", quick(shell("sleep 1000")), Failure, "did not end within 1s"},
		{"the deadline, ignored", quick(shell("trap '' TERM INT HUP; echo busy; while :; do sleep 1000; done")), Failure, "did not end within 1s: busy"},
		{"a missing file", commandSpec(dir + "/missing"), Failure, dir + "/missing does not exist, or the interpreter that it names"},
		{"a missing interpreter", commandSpec(orphan), Failure, orphan + " does not exist, or the interpreter that it names"},
		{"not executable", commandSpec(plain), Failure, plain + " may not be executed: permission denied"},
		{"no program", commandSpec(strange), Failure, strange + " is no program: a script begins with #!"},
		{"a folder", commandSpec(dir), Failure, dir + " is no program: is a directory"},
		{"a file as a folder", commandSpec("/bin/true/x"), Failure, "/bin/true/x is no program: not a directory"},
		{"much output", shell("head -c 1000000 /dev/zero | tr '\\0' x; exit 1"), Failure, "exit status 1: " + strings.Repeat("x", maxQuoted) + "..."},
		{"output without end", quick(shell("exec yes no")), Failure, "did not end within 1s: no"},
		{"standard input is empty", shell("cat; exit 1"), Failure, "exit status 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := once(c.spec)
			expect(t, r, c.answer, c.reason)
			if len(r.Read) > maxOutput {
				t.Errorf("%d bytes of output are kept", len(r.Read))
			}
		})
	}
	if r := once(shell("echo fine; echo well >&2")); string(r.Read) != "fine\nwell\n" {
		t.Errorf("the transcript has %q", r.Read)
	}
}

// Exit codes ask for a weight where that is wanted, as with keepalived's misc_dynamic.
func TestCommandWithDynamicWeight(t *testing.T) {
	for _, c := range []struct {
		script string
		weight Optional
		answer Answer
		reason string
	}{
		{"exit 0", Optional{}, Success, ""},
		{"exit 1", Optional{}, Failure, "exit status 1"},
		{"exit 2", Some(0), Success, "exit status 2 asks for weight 0"},
		{"echo 42; exit 3", Some(1), Success, "exit status 3 asks for weight 1"},
		{"exit 255", Some(253), Success, "exit status 255 asks for weight 253"},
		{"kill -KILL $$", Optional{}, Failure, "killed by SIGKILL"},
	} {
		s := shell(c.script)
		if r := once(s); (r.Answer == Success) != (c.script == "exit 0") || r.Weight.Given {
			t.Errorf("%s, where no weight is wanted: %+v", c.script, r)
		}
		s.Options = Command{Argv: s.Options.(Command).Argv, DynamicWeight: true}
		r := once(s)
		expect(t, r, c.answer, c.reason)
		if r.Weight != c.weight || r.Percent != 100 {
			t.Errorf("%s: weight %+v, %d %%", c.script, r.Weight, r.Percent)
		}
	}
	hung := quick(shell("sleep 1000"))
	hung.Options = Command{Argv: hung.Options.(Command).Argv, DynamicWeight: true}
	expect(t, once(hung), Failure, "did not end within 1s")
}

func TestCommandThatIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	fifo := folder(t) + "/fifo"
	if err := unix.Mkfifo(fifo, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(fifo, 0o666); err != nil {
		t.Fatal(err)
	}
	result := make(chan Result)
	go func() {
		result <- New(Config{CommandUser: nobody}).RunOnce(ctx, shell("echo > "+fifo+"; sleep 1000"))
	}()
	if _, err := os.ReadFile(fifo); err != nil { // waits until the command runs
		t.Fatal(err)
	}
	cancel()
	expect(t, <-result, Inconclusive, "interrupted while the command ran")

	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	p, err := prepare(shell("true"), Config{CommandUser: nobody})
	if err != nil {
		t.Fatal(err)
	}
	if r := p.run(ctx, nil); r.Answer != Inconclusive && r.Answer != Success {
		t.Errorf("a command that was interrupted as it began: %+v", r)
	}
}

// The environment is three variables; the working folder is the root; there is no
// descriptor but the standard ones, whatever the daemon has open; and the process
// leads a session and group of its own.
func TestCommandsSurroundings(t *testing.T) {
	t.Setenv("SECRET", "x")
	leak, err := os.Open("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	defer leak.Close()
	dup, err := unix.Dup(int(leak.Fd())) // without close-on-exec
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(dup)
	r := once(commandSpec("/usr/bin/env"))
	expect(t, r, Success, "")
	want := "PATH=" + searchPath + "\nMAINSTAY_ADDRESS=192.0.2.1\nMAINSTAY_PORT=80\n"
	if string(r.Read) != want {
		t.Errorf("the environment is %q, want %q", r.Read, want)
	}
	r = once(shell(`pwd; ls /proc/$$/fd; readlink /proc/$$/fd/0; set -- $(cat /proc/$$/stat); echo $(($5 == $1)) $(($6 == $1)) $7`))
	if got, want := string(r.Read), "/\n0\n1\n2\n/dev/null\n1 1 0\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// status is fields of /proc/self/status as a command sees them.
func status(t *testing.T, c Config) map[string]string {
	t.Helper()
	r := New(c).RunOnce(context.Background(), commandSpec("/bin/cat", "/proc/self/status"))
	expect(t, r, Success, "")
	fields := make(map[string]string)
	for line := range strings.Lines(string(r.Read)) {
		name, value, _ := strings.Cut(line, ":")
		fields[name] = strings.Join(strings.Fields(value), " ")
	}
	return fields
}

// needRoot is for tests that only root can make the case for.
func needRoot(t *testing.T) {
	t.Helper()
	switch {
	case os.Geteuid() == 0:
	case os.Getenv("CI") != "":
		t.Fatal("this test is to be run as root")
	default:
		t.Skip("run this test as root")
	}
}

// asMember is set where the test runs as the daemon does: no root, with capabilities.
const asMember = "MAINSTAY_TEST_AS_MEMBER"

// The daemon's own capabilities, ambient ones too, are not its commands'.
func TestCommandsOfADaemonWithCapabilities(t *testing.T) {
	needRoot(t)
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	binary := writeFile(t, folder(t)+"/test", string(self), 0o755)
	daemon := exec.Command("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
		"--inh-caps=+net_admin,+net_raw", "--ambient-caps=+net_admin,+net_raw",
		binary, "-test.run=^TestCommandsHaveNoPrivileges$", "-test.v")
	daemon.Env = []string{asMember + "=1", "PATH=" + searchPath}
	daemon.Dir = "/"
	out, err := daemon.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestCommandsHaveNoPrivileges")) {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestCommandsHaveNoPrivileges(t *testing.T) {
	root := os.Geteuid() == 0
	if os.Getenv(asMember) != "" {
		own, err := os.ReadFile("/proc/thread-self/status")
		if root || err != nil || !bytes.Contains(own, []byte("CapAmb:\t0000000000003000")) {
			t.Fatalf("this process has no ambient capabilities: the test shows nothing (%v)\n%s", err, own)
		}
	}
	for _, user := range []*User{{UID: 65534, GID: 65533, Groups: []uint32{7, 8}}, {}} {
		s := status(t, Config{CommandUser: user})
		want := map[string]string{
			"NoNewPrivs": "1", "CapInh": "0000000000000000", "CapPrm": "0000000000000000", "CapEff": "0000000000000000",
			"CapAmb": "0000000000000000",
		}
		if root {
			id := fmt.Sprint(user.UID)
			want["Uid"] = strings.Join([]string{id, id, id, id}, " ")
			id = fmt.Sprint(user.GID)
			want["Gid"] = strings.Join([]string{id, id, id, id}, " ")
			want["Groups"] = strings.Trim(strings.Join(strings.Fields(fmt.Sprint(user.Groups)), " "), "[]")
			want["CapBnd"] = "0000000000000000"
		}
		for name, value := range want {
			if s[name] != value {
				t.Errorf("as %+v: %s is %q, want %q", *user, name, s[name], value)
			}
		}
	}
	// The daemon itself keeps what it has.
	if one, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err != nil || one != 0 {
		t.Errorf("this process has no_new_privs %d (%v)", one, err)
	}
}

func TestCommandsAsRootNeedAUser(t *testing.T) {
	needRoot(t)
	r := New(Config{}).RunOnce(t.Context(), commandSpec("/bin/true"))
	expect(t, r, Inconclusive, "the daemon runs as root, and a command must not: set command_user")
}

// A confined thread ends: no other goroutine is ever run on it, nor on the first
// thread of the process.
func TestConfinementEndsWithItsThread(t *testing.T) {
	for range 20 {
		tid := 0
		onDyingThread(func() {
			tid = unix.Gettid()
			if err := confineThread(); err != nil {
				t.Error(err)
			}
		})
		if tid == unix.Getpid() {
			t.Fatal("the first thread was used")
		}
		for {
			_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", tid))
			if errors.Is(err, os.ErrNotExist) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	own, err := os.ReadFile("/proc/self/status")
	if err != nil || !bytes.Contains(own, []byte("NoNewPrivs:\t0")) {
		t.Errorf("the first thread was confined (%v)", err)
	}
}

// Nothing of a command's process group is left when it has ended, one way or another.
func TestTheWholeGroupIsKilled(t *testing.T) {
	for name, s := range map[string]Spec{
		"at the deadline":  quick(shell("sleep 1000 & echo $!; wait")),
		"at the exit":      shell("sleep 1000 & echo $!"),
		"at a bad exit":    shell("sleep 1000 & echo $!; exit 1"),
		"with its own end": shell("sleep 1000 >/dev/null 2>&1 & echo $!"),
	} {
		t.Run(name, func(t *testing.T) {
			r := once(s)
			pid, err := strconv.Atoi(strings.TrimSpace(string(r.Read)))
			if err != nil {
				t.Fatal(err)
			}
			for !gone(pid) { // killed, it is gone as soon as the kernel comes to it
			}
		})
	}
}

// gone tells whether no process has that number, or only one that is dead already.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(after, "Z") || strings.HasPrefix(after, "X")
}

// A process that flees the group, and holds on to the output, keeps nobody waiting.
func TestAFugitiveKeepsNobodyWaiting(t *testing.T) {
	r := once(shell("setsid sleep 1000 & echo $!; until [ \"$(ps -o sid= -p $! | tr -d ' ')\" = $! ]; do :; done; exit 1"))
	lines := strings.Fields(string(r.Read))
	if len(lines) == 0 {
		t.Fatalf("%+v", r)
	}
	expect(t, r, Failure, "exit status 1: "+lines[0])
	pid, err := strconv.Atoi(lines[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("the fugitive is gone: the test shows nothing (%v)", err)
	}
}

func TestCommandsThatOthersCanChange(t *testing.T) {
	needRoot(t)
	const script = "#!/bin/sh\n"
	dir := folder(t)
	sub := func(name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	link := func(name, to string) string {
		path := filepath.Join(dir, name)
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	own := func(path string, uid, gid int) string {
		if err := os.Lchown(path, uid, gid); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := writeFile(t, dir+"/good", script, 0o755)
	loose := writeFile(t, dir+"/loose", script, 0o777)
	grouped := own(writeFile(t, dir+"/grouped", script, 0o775), 0, 5)
	rooted := writeFile(t, dir+"/rooted", script, 0o775)
	foreign := own(writeFile(t, dir+"/foreign", script, 0o755), 1234, 0)
	theirs := own(writeFile(t, dir+"/theirs", script, 0o755), 65534, 0)
	open := writeFile(t, sub("open", 0o777)+"/a", script, 0o755)
	sticky := writeFile(t, sub("sticky", 0o777|os.ModeSticky)+"/a", script, 0o755)
	if err := os.Mkdir(dir+"/held", 0o755); err != nil {
		t.Fatal(err)
	}
	held := own(dir+"/held", 1234, 0)
	writeFile(t, held+"/a", script, 0o755)
	for _, c := range []struct {
		name, path, distrust string
	}{
		{"root's", good, ""},
		{"writable by the group root", rooted, ""},
		{"the command user's own", theirs, ""},
		{"in a sticky folder", sticky, ""},
		{"a link", link("link", "good"), ""},
		{"a link to a whole path", link("whole", good), ""},
		{"a link up and down", link("up", "../"+filepath.Base(dir)+"/./good"), ""},
		{"by way of ..", dir + "/sticky/../good", ""},
		{"writable by all", loose, loose + " can be written by others: chmod go-w " + loose},
		{"writable by a group", grouped, grouped + " can be written by others: chmod go-w " + grouped},
		{"another user's", foreign, foreign + " belongs to user 1234, who could change it: chown root " + foreign},
		{"in an open folder", open, dir + "/open can be written by others: chmod go-w " + dir + "/open"},
		{"in another user's folder", held + "/a", held + " belongs to user 1234, who could change it: chown root " + held},
		{"a link into an open folder", link("into", "open/a"), dir + "/open can be written by others: chmod go-w " + dir + "/open"},
		{"a link to what others can write", link("tolose", "loose"), loose + " can be written by others: chmod go-w " + loose},
		{"another user's link", own(link("lure", "good"), 1234, 0), dir + "/lure belongs to user 1234, who could change it: chown root " + dir + "/lure"},
		{"no file", "/dev/null", "/dev/null is neither a file nor a folder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := once(commandSpec(c.path))
			if c.distrust == "" {
				expect(t, r, Success, "")
			} else {
				expect(t, r, Inconclusive, c.path+" is not run: "+c.distrust)
			}
		})
	}
	loop := link("loop", "loop")
	expect(t, once(commandSpec(loop)), Failure, loop+" is no program: too many levels of symbolic links")
}

func TestCommandsThatCanNotBeStarted(t *testing.T) {
	p := &program{argv: []string{"/bin/true"}, timeout: time.Second}
	expect(t, p.startTrouble(errKilledFirst), Inconclusive, "this host could not start /bin/true within 1s")
	expect(t, p.startTrouble(syscall.EPERM), Inconclusive, "this daemon may not start commands as another user, or not confine them")
	expect(t, p.startTrouble(syscall.ETXTBSY), Inconclusive, "/bin/true could not be started: text file busy")
	expect(t, p.startTrouble(errors.New("strange")), Inconclusive, "/bin/true could not be started: strange")
}
