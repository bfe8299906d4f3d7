package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// refused is a text that is refused and can't well stand in testdata/wrong: too
// large, not UTF-8, or refused for what the host is.
type refused struct {
	name string
	text string
	host func() *fakeHost
	want string // the end of the one error
}

func refusedTexts() []refused {
	nameless := func() *fakeHost {
		h := newHost()
		h.name = ""
		return h
	}
	return []refused{
		{"empty", "", newHost, "m.yaml: is empty (want at least a director, virtual_routers, virtual_services or a relay)"},
		{"only a comment", "# nothing yet\n", newHost, "m.yaml: is empty (want at least a director, virtual_routers, virtual_services or a relay)"},
		{"null", "~\n", newHost, "m.yaml: is empty (want at least a director, virtual_routers, virtual_services or a relay)"},
		{"not UTF-8", "director:\n  name: \xe4\n", newHost, "m.yaml:2: is not UTF-8 text (want a file saved as UTF-8)"},
		{"UTF-16", "\xff\xfed\x00", newHost, "m.yaml:1: is not UTF-8 text (want a file saved as UTF-8)"},
		{
			"a zero byte", "director:\n  name: \x00\n", newHost,
			"m.yaml:2: control characters are not allowed (look at the indentation, quotes and brackets of this line and of the one before)",
		},
		{
			"a host without name", "director:\n  on_stop: keep\n", nameless,
			"m.yaml:2:3: director.name: is missing, and the host has no name (want a name)",
		},
		{
			"a host without name, no director", "virtual_services: []\n", nameless,
			"m.yaml: director.name: is missing, and the host has no name (want a name)",
		},
		{
			"a long path", "checks: {a: {http: {path: /" + strings.Repeat("x", 9000) + "}}}", newHost,
			"m.yaml:1:27: checks.a.http.path: is 9001 bytes long (want 8192 at most)",
		},
		{
			"a long word to an agent", "checks: {a: {agent: {port: 1, send: " + strings.Repeat("x", 1025) + "}}}", newHost,
			"m.yaml:1:37: checks.a.agent.send: is 1025 bytes long (want at most 1024: an agent reads a line)",
		},
		{
			"a long datagram", "checks: {a: {udp: {send: " + strings.Repeat("x", 65_508) + "}}}", newHost,
			"m.yaml:1:26: checks.a.udp.send: is 65508 bytes long (want at most 65507: a datagram holds no more)",
		},
		{
			"a long file name", "secrets: {a: {file: /" + strings.Repeat("x", 5000) + "}}", newHost,
			"m.yaml:1:21: secrets.a.file: is 5001 bytes long (want 4095 at most: the kernel takes no more)",
		},
		{
			"many addresses", "virtual_routers: [" + router(1, tens(0, 256), "[]") + "]", newHost,
			"virtual_routers[0].addresses: has 256 addresses, and an advertisement holds 255 of ipv4 (want the others in extra_addresses)",
		},
		{
			"many IPv6 addresses", "virtual_routers: [" + router(1, linkLocals(91), "[]") + "]", newHost,
			"virtual_routers[0].addresses: has 91 addresses, and an advertisement holds 90 of ipv6 (want the others in extra_addresses)",
		},
		{
			"many addresses of all routers", "virtual_routers: [" + router(1, tens(0, 1), tens(1, 1+maxHeld)) + "]", newHost,
			"m.yaml:1:18: virtual_routers: hold 65537 addresses in all (want at most 65536)",
		},
		{
			"many routers", manyRouters(), newHost,
			"m.yaml:1:18: virtual_routers: has 1025 routers (want at most 1024)",
		},
		{"aliases of aliases", bomb(), newHost, exhausted},
		{"merges of merges", mergeBomb(), newHost, exhausted},
		{"a large mapping merged often", manyMerges(), newHost, exhausted},
		{
			"many checks of many servers", manyChecks(), newHost,
			"m.yaml:2:5: virtual_services[0]: the real servers up to here have more than 500000 checks in all (want fewer checks or servers)",
		},
	}
}

const exhausted = "aliases stand for more than 500000 values (want fewer aliases of aliases)"

// bomb is a file of some 20 kB whose aliases stand for a million servers.
func bomb() string {
	var b strings.Builder
	b.WriteString("virtual_services:\n  - &s\n    name: s\n    address: 192.0.2.1:1/tcp\n    forward: nat\n    checks: [tcp]\n    real_servers: [")
	for i := range 1000 {
		fmt.Fprintf(&b, "10.0.%d.%d, ", i/250, i%250)
	}
	b.WriteString("]\n")
	for range 1000 {
		b.WriteString("  - *s\n")
	}
	return b.String()
}

// mergeBomb is a file in which each << brings the one before twice.
func mergeBomb() string {
	var b strings.Builder
	b.WriteString("virtual_services:\n  - &m0 {name: a, address: 192.0.2.1:1/tcp, forward: nat, real_servers: [192.0.2.2]}\n")
	for i := range 15 {
		fmt.Fprintf(&b, "  - &m%d {<<: [%s]}\n", i+1, strings.Repeat(fmt.Sprintf("*m%d, ", i), 8))
	}
	return b.String()
}

// manyMerges is a file in which a large mapping is merged again and again.
func manyMerges() string {
	var b strings.Builder
	b.WriteString("checks:\n  a: {http: {headers: &h {")
	for i := range 2_000 {
		fmt.Fprintf(&b, "X-%d: a, ", i)
	}
	b.WriteString("}}}\n  b: {http: {headers: {<<: [" + strings.Repeat("*h, ", 2_000) + "]}}}\n")
	return b.String()
}

// manyChecks is a file of some 100 kB whose servers have 512,000 checks.
func manyChecks() string {
	var b strings.Builder
	b.WriteString("virtual_services:\n  - name: s\n    address: 192.0.2.1:1/tcp\n    forward: nat\n    checks: [")
	for i := range 64 {
		fmt.Fprintf(&b, "{tcp: {port: %d}}, ", i+1)
	}
	b.WriteString("]\n    real_servers: [")
	for i := range 8000 {
		fmt.Fprintf(&b, "10.0.%d.%d, ", i/250, i%250)
	}
	b.WriteString("]\n")
	return b.String()
}

// router is a virtual router with these lists of addresses.
func router(number int, addresses, extra string) string {
	return fmt.Sprintf("{name: r%d, interface: vlan%d, vrid: 1, addresses: %s, extra_addresses: %s}", number, number, addresses, extra)
}

// tens is a list of the addresses 10.x.y.1, from a first one to the one before the end;
// after the last of them come those with 11.
func tens(first, end int) string {
	var b strings.Builder
	for i := first; i < end; i++ {
		fmt.Fprintf(&b, ", %d.%d.%d.1", 10+i>>16, i>>8&255, i&255)
	}
	return "[" + strings.TrimPrefix(b.String(), ", ") + "]"
}

// linkLocals is a list of so many link-local addresses.
func linkLocals(count int) string {
	var b strings.Builder
	for i := range count {
		fmt.Fprintf(&b, "%q, ", fmt.Sprintf("fe80::%x", i+1))
	}
	return "[" + b.String() + "]"
}

// manyRouters is a file of 1025 routers.
func manyRouters() string {
	var b strings.Builder
	for i := range maxRouters + 1 {
		b.WriteString(router(i, tens(i, i+1), "[]") + ", ")
	}
	return "virtual_routers: [" + b.String() + "]"
}

// parseRefused parses them, once for all tests: some take their time.
var parseRefused = sync.OnceValue(func() map[string]Problems {
	all := map[string]Problems{}
	for _, c := range refusedTexts() {
		config, problems := Parse("m.yaml", []byte(c.text), c.host())
		if config == nil {
			all[c.name] = problems
		}
	}
	return all
})

func TestRefusedTexts(t *testing.T) {
	for _, c := range refusedTexts() {
		t.Run(c.name, func(t *testing.T) {
			problems := parseRefused()[c.name]
			if len(problems.Errors) != 1 || !strings.HasSuffix(problems.Errors[0].String(), c.want) {
				t.Errorf("got %v, want %s", problems.Errors, c.want)
			}
		})
	}
}

// What is said of a file ends somewhere, however much is wrong with it.
func TestProblemsAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("virtual_services:\n")
	for i := range 3000 {
		fmt.Fprintf(&b, "  - wrong%d\n", i)
	}
	_, problems := Parse("m.yaml", []byte(b.String()), newHost())
	if got, want := len(problems.Errors), maxProblems+1; got != want {
		t.Fatalf("%d errors, want %d", got, want)
	}
	if got, want := problems.Errors[maxProblems].String(), "m.yaml: and 2000 more"; got != want {
		t.Errorf("last error %q, want %q", got, want)
	}
	if got, want := problems.Errors[0].Line, 2; got != want {
		t.Errorf("first error in line %d, want %d", got, want)
	}
}

type refusedPath struct{ name, path, want string }

// refusedPaths are what can be wrong with a file before it is read.
func refusedPaths(t *testing.T) []refusedPath {
	t.Helper()
	dir := t.TempDir()
	huge := filepath.Join(dir, "huge.yaml")
	if err := os.WriteFile(huge, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(huge, maxFile+1); err != nil {
		t.Fatal(err)
	}
	looped := filepath.Join(dir, "loop.yaml")
	if err := os.Symlink(looped, looped); err != nil {
		t.Fatal(err)
	}
	return []refusedPath{
		{"missing", filepath.Join(dir, "none.yaml"), "does not exist"},
		{"a directory", dir, "is a directory (want a file)"},
		{"a device", "/dev/null", "is not a regular file (want no device, pipe or socket)"},
		{"too large", huge, "is larger than 16 MiB (want a smaller file)"},
		{"a link to itself", looped, "can't be read: too many levels of symbolic links"},
	}
}

func TestLoadRefuses(t *testing.T) {
	for _, c := range refusedPaths(t) {
		t.Run(c.name, func(t *testing.T) {
			config, problems := Load(c.path)
			if config != nil || len(problems.Errors) != 1 {
				t.Fatalf("got %v and %v, want one error", config, problems)
			}
			if got, want := problems.Errors[0].String(), c.path+": "+c.want; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// A file without read permission is refused; for root there is none.
func TestErrorOfPermission(t *testing.T) {
	host := newHost()
	_, problems := LoadFrom(host, "/etc/mainstay/sealed.key")
	want := "/etc/mainstay/sealed.key: may not be read by the user that asks (want the permission to read it)"
	if got := problems.Err(); got == nil || got.Error() != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// The pipe has no writer: to open it as usual would wait for ever.
func TestLoadDoesNotWaitForAPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	refused := make(chan error, 1)
	go func() {
		_, problems := Load(path)
		refused <- problems.Err()
	}()
	select {
	case err := <-refused:
		if want := path + ": is not a regular file (want no device, pipe or socket)"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	case <-time.After(time.Minute):
		t.Fatal("Load waits for the writer of a pipe")
	}
}
