package link

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

// TestMain has the tests run in a network namespace of their own, which ends with them, and
// where an interface has the addresses that a test gives it and no others.
func TestMain(m *testing.M) {
	if err := lab.OwnNetwork(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if out, err := exec.Command("sysctl", "-qw", "net.ipv6.conf.default.addr_gen_mode=1").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "sysctl: %v: %s\n", err, out)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// reporter is a test, or one check of a property.
type reporter interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// run runs a command to its end and returns what it printed.
func run(t reporter, command string) string {
	t.Helper()
	argv := strings.Fields(command)
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
	return string(out)
}

// batch runs several ip commands, those that fail included.
func batch(t reporter, commands ...string) {
	t.Helper()
	cmd := exec.Command("ip", "-force", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil && cmd.ProcessState.ExitCode() < 0 {
		t.Fatalf("ip -batch: %v: %s", err, out)
	}
}

var pairs atomic.Int32

// pair makes two interfaces that are one cable, both up, and returns their names.
func pair(t testing.TB) (here, there string) {
	t.Helper()
	n := pairs.Add(1)
	here, there = fmt.Sprintf("here%d", n), fmt.Sprintf("there%d", n)
	batch(t,
		fmt.Sprintf("link add name %s type veth peer name %s", here, there),
		"link set "+there+" up",
		"link set "+here+" up")
	t.Cleanup(func() { batch(t, "link delete "+here) })
	return here, there
}

// index is the number of an interface that must be there.
func index(t reporter, name string) int {
	t.Helper()
	i, ok := seen(t, name)
	if !ok {
		t.Fatalf("there is no interface %s", name)
	}
	return i.Index
}

// seen is an interface as ip(8) sees it.
func seen(t reporter, name string) (Interface, bool) {
	t.Helper()
	out, err := exec.Command("ip", "-json", "address", "show", "dev", name).Output()
	if err != nil {
		return Interface{}, false
	}
	var all []struct {
		IfIndex   int
		IfName    string
		Flags     []string
		MTU       int
		OperState string
		LinkType  string `json:"link_type"`
		Address   string
		Addresses []struct {
			Family                                      string
			Local                                       netip.Addr
			PrefixLen                                   int
			Secondary, Deprecated, Tentative, DadFailed bool
		} `json:"addr_info"`
	}
	if err := json.Unmarshal(out, &all); err != nil || len(all) != 1 {
		t.Fatalf("ip -json address show dev %s: %v: %s", name, err, out)
	}
	s := all[0]
	hardware, _ := net.ParseMAC(s.Address) // a tunnel may have none
	i := Interface{
		Index: s.IfIndex, Name: s.IfName, MTU: s.MTU, Hardware: hardware, Ethernet: s.LinkType == "ether",
		Up: slices.Contains(s.Flags, "UP") && slices.Contains(s.Flags, "LOWER_UP") && (s.OperState == "UP" || s.OperState == "UNKNOWN"),
	}
	var ipv6 []Address
	for _, a := range s.Addresses {
		address := Address{
			Prefix: netip.PrefixFrom(a.Local, a.PrefixLen), Secondary: a.Secondary, Deprecated: a.Deprecated,
			Usable: !a.Tentative && !a.DadFailed,
		}
		if a.Family == "inet" {
			i.Addresses = append(i.Addresses, address)
		} else {
			ipv6 = append(ipv6, address)
		}
	}
	slices.SortFunc(ipv6, func(a, b Address) int { return a.Prefix.Addr().Compare(b.Prefix.Addr()) })
	i.Addresses = append(i.Addresses, ipv6...)
	return i, true
}

// agrees waits until the watcher knows of the interface what ip(8) sees, and returns all
// changes that were told on the way.
func agrees(t reporter, w *Watcher, name string) (told []string) {
	t.Helper()
	for deadline := time.Now().Add(lab.Patience); ; {
		changed, err := w.Read()
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, changed...)
		want, exists := seen(t, name)
		got, known := w.Interface(name)
		diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{}), cmpopts.EquateEmpty())
		if exists == known && (diff == "" || !exists) {
			return told
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is there: %v, known: %v (-ip +watcher):\n%s", name, exists, known, diff)
		}
		await(t, w, time.Second)
	}
}

// await waits until the watcher's descriptor is readable, or for so long.
func await(t reporter, w *Watcher, patience time.Duration) {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(w.FD()), Events: unix.POLLIN}}
	if _, err := unix.Poll(fds, int(patience.Milliseconds())); err != nil && err != unix.EINTR {
		t.Fatal(err)
	}
}

func open(t testing.TB) *Conn {
	t.Helper()
	c, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func watch(t testing.TB, names ...string) *Watcher {
	t.Helper()
	w, err := Watch(names...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func prefixes(text ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, s := range text {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}
