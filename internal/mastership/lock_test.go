package mastership

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// roles are what the test's program is instead where a variable is set: some things are
// between processes.
var roles = map[string]func(value string) (exit int){lockVariable: holdLock}

func TestMain(m *testing.M) {
	for variable, be := range roles {
		if value := os.Getenv(variable); value != "" {
			os.Exit(be(value))
		}
	}
	os.Exit(m.Run())
}

const lockVariable = "MAINSTAY_TEST_LOCK"

// holdLock takes a lock and keeps it until it is told to end.
func holdLock(path string) int {
	if err := takeLock(path); err != nil {
		os.Stdout.WriteString("refused\n")
		return 1
	}
	os.Stdout.WriteString("locked\n")
	_, _ = os.Stdin.Read(make([]byte, 1))
	return 0
}

// another starts a process that takes a lock, and returns what it said.
func another(t *testing.T, path string) (cmd *exec.Cmd, said string, end func()) {
	t.Helper()
	cmd = exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), lockVariable+"="+path)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	said, err = bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return cmd, said, func() { _ = stdin.Close() }
}

func TestOneMastershipProcessAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	if pid, err := holder(path); pid != 0 || err != nil {
		t.Fatalf("before anybody: %d, %v", pid, err)
	}
	first, said, end := another(t, path)
	if said != "locked\n" {
		t.Fatalf("the first: %q", said)
	}
	if pid, err := holder(path); pid != first.Process.Pid || err != nil {
		t.Errorf("held by %d, %v, want %d", pid, err, first.Process.Pid)
	}
	if _, said, _ := another(t, path); said != "refused\n" {
		t.Errorf("the second: %q", said)
	}
	end()
	if killed, err := awaitLock(t.Context(), path, time.Hour); killed || err != nil {
		t.Errorf("after its end: killed %v, %v", killed, err)
	}
	if pid, err := holder(path); pid != 0 || err != nil {
		t.Errorf("after its end: %d, %v", pid, err)
	}
}

func TestWhoKeepsTheLockTooLongIsKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, _, _ := another(t, path)
	if killed, err := awaitLock(t.Context(), path, 0); !killed || err != nil {
		t.Errorf("killed %v, %v", killed, err)
	}
	var exit *exec.ExitError
	if err := first.Wait(); !errors.As(err, &exit) || exit.String() != "signal: killed" {
		t.Errorf("it ended with %v", err)
	}
}
