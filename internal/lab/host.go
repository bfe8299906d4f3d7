package lab

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
)

// T is what a lab needs of a test: a [testing.TB], or the demo's stand-in.
type T interface {
	Helper()
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
	Cleanup(f func())
}

// Lab is a set of hosts and the segments that join them.
type Lab struct {
	t        T
	prefix   string // of the names of its namespaces
	segments map[string]bool
}

// Host is one network namespace.
type Host struct {
	Name string
	ns   string
	lab  *Lab
}

// labs counts the labs of this process, so that their names differ.
var labs atomic.Uint32

// New returns an empty lab, taken down when the test ends.
func New(t T) *Lab {
	t.Helper()
	l := &Lab{t: t, prefix: fmt.Sprintf("ms%d-%d-", os.Getpid(), labs.Add(1)), segments: make(map[string]bool)}
	l.addNamespace("switch")
	return l
}

// addNamespace makes a namespace whose loopback interface is up.
func (l *Lab) addNamespace(name string) string {
	l.t.Helper()
	ns := l.prefix + name
	l.ip("netns", "add", ns)
	l.t.Cleanup(func() { _ = exec.Command("ip", "netns", "delete", ns).Run() })
	l.ip("-n", ns, "link", "set", "lo", "up")
	return ns
}

// Switch is where the segments' bridges are: each cable's other end, named after its
// host and segment, such as "lb-a-lan". What every host sends can be seen here.
func (l *Lab) Switch() *Host { return &Host{Name: "switch", ns: l.prefix + "switch", lab: l} }

// Segment is a network that hosts join: a bridge in a namespace of its own.
func (l *Lab) segment(name string) {
	l.t.Helper()
	if l.segments[name] {
		return
	}
	l.segments[name] = true
	l.batch(l.prefix+"switch",
		"link add "+name+" type bridge",
		"link set "+name+" up",
	)
}

// Host adds a host without links.
func (l *Lab) Host(name string) *Host {
	l.t.Helper()
	return &Host{Name: name, ns: l.addNamespace(name), lab: l}
}

// Join gives the host an interface named after a segment, with addresses such as
// "192.0.2.21/24", and connects it there. The segment is made when first named.
func (h *Host) Join(segment string, addresses ...string) *Host {
	h.lab.t.Helper()
	h.lab.segment(segment)
	peer := h.Name + "-" + segment
	commands := []string{
		fmt.Sprintf("link add %s type veth peer name %s netns %s", peer, segment, h.ns),
		fmt.Sprintf("link set %s master %s", peer, segment),
		fmt.Sprintf("link set %s up", peer),
	}
	h.lab.batch(h.lab.prefix+"switch", commands...)
	commands = nil
	for _, a := range addresses {
		commands = append(commands, fmt.Sprintf("address add %s dev %s%s", a, segment, nodad(a)))
	}
	h.lab.batch(h.ns, append(commands, "link set "+segment+" up")...)
	return h
}

// nodad lets an IPv6 address be used at once, without duplicate address detection.
func nodad(address string) string {
	if strings.Contains(address, ":") {
		return " nodad"
	}
	return ""
}

// Address adds an address to an interface of the host: a virtual address, say.
func (h *Host) Address(address, device string) *Host {
	h.lab.t.Helper()
	h.lab.batch(h.ns, "address add "+address+" dev "+device+nodad(address))
	return h
}

// Route adds a route, such as "default via 192.0.2.1".
func (h *Host) Route(route string) *Host {
	h.lab.t.Helper()
	args := []string{"-n", h.ns}
	if strings.Contains(route, ":") {
		args = append(args, "-6")
	}
	h.lab.ip(append(append(args, "route", "add"), strings.Fields(route)...)...)
	return h
}

// Sysctl sets a kernel parameter of the host, such as "net.ipv4.ip_forward".
func (h *Host) Sysctl(name, value string) *Host {
	h.lab.t.Helper()
	path := "/proc/sys/" + strings.ReplaceAll(name, ".", "/")
	if out, err := h.Command("sh", "-c", `printf %s "$1" >"$2"`, "sh", value, path).CombinedOutput(); err != nil {
		h.lab.t.Fatalf("%s: set %s to %s: %v: %s", h.Name, name, value, err, out)
	}
	return h
}

// Cable pulls or plugs the host's cable to a segment, as seen from both sides.
func (h *Host) Cable(segment string, plugged bool) {
	h.lab.t.Helper()
	state := map[bool]string{true: "up", false: "down"}[plugged]
	h.lab.ip("-n", h.lab.prefix+"switch", "link", "set", h.Name+"-"+segment, state)
}

// Isolate parts the host from all others on a segment that are isolated, or joins them
// again. Hosts that are not isolated still reach it and are reached.
func (h *Host) Isolate(segment string, isolated bool) {
	h.lab.t.Helper()
	state := map[bool]string{true: "on", false: "off"}[isolated]
	h.lab.ip("-n", h.lab.prefix+"switch", "link", "set", h.Name+"-"+segment, "type", "bridge_slave", "isolated", state)
}

// Processes are the numbers of all processes of the host, those that left the group of
// the program that started them included.
func (h *Host) Processes() []int {
	h.lab.t.Helper()
	out, err := exec.Command("ip", "netns", "pids", h.ns).Output()
	if err != nil {
		h.lab.t.Fatalf("%s: ip netns pids: %v", h.Name, err)
	}
	var pids []int
	for _, field := range strings.Fields(string(out)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			h.lab.t.Fatalf("%s: ip netns pids: %v", h.Name, err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// Command returns a command that runs in the host. In a lab every command is of
// the test's own making.
func (h *Host) Command(name string, args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", h.ns, name}, args...)...)
}

// Run runs a command in the host to its end and returns what it printed on
// standard output. A command that fails fails the test.
func (h *Host) Run(name string, args ...string) string {
	h.lab.t.Helper()
	var stderr strings.Builder
	cmd := h.Command(name, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		h.lab.t.Fatalf("%s: %s %s: %v\n%s%s", h.Name, name, strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

// ip runs the ip command outside any host.
func (l *Lab) ip(args ...string) {
	l.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		l.t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// batch runs several ip commands in one namespace.
func (l *Lab) batch(ns string, commands ...string) {
	l.t.Helper()
	cmd := exec.Command("ip", "-n", ns, "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		l.t.Fatalf("ip -n %s: %s: %v: %s", ns, strings.Join(commands, "; "), err, out)
	}
}
