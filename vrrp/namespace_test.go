package vrrp

import (
	"bufio"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// host is another network namespace, joined to this one by a cable from near0 here to
// far0 there.
type host struct {
	pid int // of a process that keeps the namespace
}

// newHost makes a host. The cable's ends have the addresses given, and link-local ones
// that can be used at once.
func newHost(t *testing.T, near, far []string) *host {
	t.Helper()
	// It ends when its standard input does, so also when this process is killed.
	cmd := exec.Command("unshare", "--net", "--", "sh", "-c", "ip link set lo up && echo ready && exec cat")
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
	t.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatalf("another namespace: %v, %q", err, line)
	}
	h := &host{pid: cmd.Process.Pid}
	run(t, "ip", "link", "add", "near0", "type", "veth", "peer", "name", "far0", "netns", fmt.Sprint(h.pid))
	t.Cleanup(func() { run(t, "ip", "link", "del", "near0") })
	dress(t, nil, "near0", "fe80::1", near)
	dress(t, h.enter(), "far0", "fe80::2", far)
	awaitRunning(t, "near0")
	return h
}

// dress gives an end of a cable its addresses. The link-local one is ours rather than
// the kernel's, so that the tests know it.
func dress(t *testing.T, enter []string, name, linkLocal string, addresses []string) {
	t.Helper()
	ip := func(args ...string) { run(t, slices.Concat(enter, []string{"ip"}, args)...) }
	ip("link", "set", name, "addrgenmode", "none")
	ip("link", "set", name, "up")
	ip("addr", "add", linkLocal+"/64", "dev", name, "nodad")
	for _, a := range addresses {
		args := []string{"addr", "add", a, "dev", name}
		if strings.Contains(a, ":") {
			args = append(args, "nodad")
		}
		ip(args...)
	}
}

// enter is how a command is run on the host.
func (h *host) enter() []string {
	return []string{"nsenter", fmt.Sprintf("--net=/proc/%d/ns/net", h.pid), "--"}
}

// index is the index of an interface here.
func index(t *testing.T, name string) int {
	t.Helper()
	i, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return i.Index
}

// awaitRunning waits until an interface here passes packets on: it drops them for a
// moment after both of its cable's ends are up.
func awaitRunning(t *testing.T, name string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; unix.Poll(nil, 1) {
		i, err := net.InterfaceByName(name)
		if err != nil {
			t.Fatal(err)
		}
		if i.Flags&net.FlagRunning != 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not come up", name)
		}
	}
}

// run runs a command to its end and returns what it said.
func run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
