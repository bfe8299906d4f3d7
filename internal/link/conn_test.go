package link

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// addressesOf are the addresses of an interface as ip(8) shows them.
func addressesOf(t reporter, name string) string {
	t.Helper()
	i, _ := seen(t, name)
	var all []string
	for _, a := range i.Addresses {
		s := a.Prefix.String()
		if a.Secondary {
			s += " secondary"
		}
		if a.Deprecated {
			s += " deprecated"
		}
		all = append(all, s)
	}
	return strings.Join(all, ", ")
}

func TestAddresses(t *testing.T) {
	tests := []struct {
		name   string
		before []string // ip commands; X is the interface
		add    []netip.Prefix
		added  int
		remove []netip.Prefix
		gone   int
		after  string
	}{
		{name: "add", add: prefixes("192.0.2.100/32", "2001:db8::100/128"), added: 2, after: "192.0.2.100/32, 2001:db8::100/128 deprecated"},
		{name: "prefixes are kept", add: prefixes("192.0.2.100/24", "2001:db8::100/64", "fe80::100/64"), added: 3, after: "192.0.2.100/24, 2001:db8::100/64 deprecated, fe80::100/64 deprecated"},
		{name: "there already", before: []string{"address add 192.0.2.100/32 dev X", "address add 2001:db8::100/128 dev X nodad"}, add: prefixes("192.0.2.100/32", "2001:db8::100/128", "192.0.2.101/32"), added: 1, after: "192.0.2.100/32, 192.0.2.101/32, 2001:db8::100/128"},
		{name: "IPv4 with another length is another", before: []string{"address add 192.0.2.100/24 dev X"}, add: prefixes("192.0.2.100/32"), added: 1, after: "192.0.2.100/24, 192.0.2.100/32"},
		{name: "IPv6 with another length is the same", before: []string{"address add 2001:db8::100/64 dev X nodad"}, add: prefixes("2001:db8::100/128"), added: 0, after: "2001:db8::100/64"},
		{name: "twice in one call", add: prefixes("192.0.2.100/32", "192.0.2.100/32"), added: 1, after: "192.0.2.100/32"},
		{name: "secondary to the operator's", before: []string{"address add 192.0.2.1/24 dev X"}, add: prefixes("192.0.2.100/24"), added: 1, after: "192.0.2.1/24, 192.0.2.100/24 secondary"},
		{name: "remove", before: []string{"address add 192.0.2.1/24 dev X"}, add: prefixes("192.0.2.100/24", "2001:db8::100/128"), added: 2, remove: prefixes("192.0.2.100/24", "2001:db8::100/128"), gone: 2, after: "192.0.2.1/24"},
		{name: "remove what is not there", before: []string{"address add 192.0.2.1/24 dev X"}, remove: prefixes("192.0.2.100/32", "192.0.2.1/32", "192.0.2.2/24", "2001:db8::100/128"), after: "192.0.2.1/24"},
		{name: "remove the primary one with its secondaries", add: prefixes("192.0.2.100/24", "192.0.2.101/24", "192.0.2.102/24"), added: 3, remove: prefixes("192.0.2.100/24", "192.0.2.101/24", "192.0.2.102/24"), gone: 3},
		{name: "nothing", after: ""},
	}
	c := open(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			here, _ := pair(t)
			for _, command := range test.before {
				run(t, "ip "+strings.ReplaceAll(command, "X", here))
			}
			index := index(t, here)
			added, err := c.AddAll(index, test.add)
			if err != nil || len(added) != test.added {
				t.Errorf("added %v, error %v", added, err)
			}
			for _, p := range added {
				if has, err := listed(c, index, p); err != nil || !has {
					t.Errorf("has %s: %v, %v", p, has, err)
				}
			}
			removed, err := c.RemoveAll(index, test.remove)
			if err != nil || len(removed) != test.gone {
				t.Errorf("removed %v, error %v", removed, err)
			}
			for _, p := range removed {
				if has, err := listed(c, index, p); err != nil || has {
					t.Errorf("has %s: %v, %v", p, has, err)
				}
			}
			if got := addressesOf(t, here); got != test.after {
				t.Errorf("after: %s; want %s", got, test.after)
			}
			list, err := c.List(index)
			if want, _ := seen(t, here); err != nil || !slices.Equal(list, want.Addresses) {
				t.Errorf("list %v, error %v; ip says %v", list, err, want.Addresses)
			}
		})
	}
}

// One at a time is as all at once.
func TestOneAddress(t *testing.T) {
	c := open(t)
	here, _ := pair(t)
	index, p := index(t, here), netip.MustParsePrefix("192.0.2.100/32")
	for _, want := range []bool{true, false} {
		if added, err := c.Add(index, p); err != nil || added != want {
			t.Errorf("added %v, error %v", added, err)
		}
	}
	for _, want := range []bool{true, false} {
		if removed, err := c.Remove(index, p); err != nil || removed != want {
			t.Errorf("removed %v, error %v", removed, err)
		}
	}
}

// What ip(8) shows of an address of ours.
func TestTheFormOfAnAddress(t *testing.T) {
	c := open(t)
	here, _ := pair(t)
	if _, err := c.AddAll(index(t, here), prefixes("192.0.2.100/32", "198.51.100.100/24", "2001:db8::100/64")); err != nil {
		t.Fatal(err)
	}
	shown := run(t, "ip -details address show dev "+here)
	for _, want := range []string{
		"inet 192.0.2.100/32 scope global " + here + "\n       valid_lft forever preferred_lft forever",
		"inet 198.51.100.100/24 scope global " + here + "\n       valid_lft forever preferred_lft forever",
		"inet6 2001:db8::100/64 scope global nodad deprecated \n       valid_lft forever preferred_lft 0sec",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("no %q in\n%s", want, shown)
		}
	}
	if routes := run(t, "ip route show dev "+here); !strings.Contains(routes, "198.51.100.0/24") || strings.Contains(routes, "192.0.2") {
		t.Errorf("routes: %s", routes)
	}
}

// An operator's address that is secondary to ours stays, just as it was, whatever
// promote_secondaries says.
func TestAnOperatorsAddressStays(t *testing.T) {
	c := open(t)
	for promote := range 2 {
		t.Run(fmt.Sprintf("promote_secondaries=%d", promote), func(t *testing.T) {
			here, _ := pair(t)
			run(t, fmt.Sprintf("sysctl -qw net/ipv4/conf/%s/promote_secondaries=%d", here, promote))
			index := index(t, here)
			if _, err := c.AddAll(index, prefixes("192.0.2.100/24", "192.0.2.101/24")); err != nil {
				t.Fatal(err)
			}
			run(t, "ip address add 192.0.2.1/24 broadcast + label "+here+":op dev "+here)
			run(t, "ip address add 192.0.2.2/24 dev "+here+" valid_lft 10000 preferred_lft 5000")
			removed, err := c.RemoveAll(index, prefixes("192.0.2.100/24", "192.0.2.101/24"))
			if err != nil || len(removed) != 2 {
				t.Errorf("removed %v, error %v", removed, err)
			}
			if got := addressesOf(t, here); got != "192.0.2.1/24, 192.0.2.2/24 secondary" {
				t.Errorf("after: %s", got)
			}
			shown := run(t, "ip -4 address show dev "+here)
			for _, want := range []string{"brd 192.0.2.255 scope global " + here + ":op", "valid_lft 10000sec preferred_lft 5000sec"} {
				if !strings.Contains(shown, want) && !strings.Contains(shown, strings.NewReplacer("10000", "9999", "5000", "4999").Replace(want)) {
					t.Errorf("no %q in\n%s", want, shown)
				}
			}
			if routes := run(t, "ip route show dev "+here); !strings.Contains(routes, "192.0.2.0/24 proto kernel scope link src 192.0.2.1") {
				t.Errorf("routes: %s", routes)
			}
		})
	}
}

// What was there before us and what others add is there after us.
func TestRandomAddressesOfOthersStay(t *testing.T) {
	c := open(t)
	some := rapid.SliceOfNDistinct(rapid.SampledFrom(prefixes(
		"192.0.2.1/24", "192.0.2.2/24", "192.0.2.3/24", "192.0.2.3/25", "192.0.2.4/32", "198.51.100.1/24", "198.51.100.2/24",
		"2001:db8::1/64", "2001:db8::2/64",
	)), 0, 4, rapid.ID[netip.Prefix])
	here, _ := pair(t)
	index := index(t, here)
	rapid.Check(t, func(rt *rapid.T) {
		theirs := make(map[netip.Prefix]bool)
		add := func(what string, commands ...string) {
			for _, p := range some.Draw(rt, what) {
				commands = append(commands, fmt.Sprintf("address replace %s dev %s", p, here))
				theirs[p] = true
			}
			batch(t, commands...)
		}
		add("before", "address flush dev "+here)
		added, err := c.AddAll(index, some.Draw(rt, "ours"))
		if err != nil {
			rt.Fatal(err)
		}
		add("after")
		added = slices.DeleteFunc(added, func(p netip.Prefix) bool { return theirs[p] })
		if removed, err := c.RemoveAll(index, added); err != nil || len(removed) != len(added) {
			rt.Fatalf("removed %v of %v, error %v", removed, added, err)
		}
		have := make(map[netip.Prefix]bool)
		list, err := c.List(index)
		if err != nil {
			rt.Fatal(err)
		}
		for _, a := range list {
			have[a.Prefix] = true
			if !theirs[a.Prefix] {
				rt.Errorf("%s stayed", a.Prefix)
			}
		}
		for p := range theirs {
			if !have[p] {
				rt.Errorf("%s is gone", p)
			}
		}
	})
}

// More than fit in one send.
func TestThousandsOfAddresses(t *testing.T) {
	c := open(t)
	here, _ := pair(t)
	index := index(t, here)
	var all []netip.Prefix
	for n := range 3000 {
		all = append(all, netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18, byte(n >> 8), byte(n)}), 32))
	}
	if added, err := c.AddAll(index, all); err != nil || len(added) != len(all) {
		t.Errorf("added %d, error %v", len(added), err)
	}
	if list, err := c.List(index); err != nil || len(list) < len(all) {
		t.Errorf("list of %d, error %v", len(list), err)
	}
	if removed, err := c.RemoveAll(index, all); err != nil || len(removed) != len(all) {
		t.Errorf("removed %d, error %v", len(removed), err)
	}
	if left := addressesOf(t, here); left != "" {
		t.Errorf("left: %s", left)
	}
}

// A list that changes while the kernel writes it down is whole, or an error.
func TestAListThatChanges(t *testing.T) {
	here, _ := pair(t)
	index := index(t, here)
	c, other := open(t), open(t)
	var all []netip.Prefix
	for n := range 2000 {
		all = append(all, netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18, byte(n >> 8), byte(n)}), 32))
	}
	if _, err := c.AddAll(index, all); err != nil {
		t.Fatal(err)
	}
	change, done := make(chan bool, 1), make(chan struct{})
	go func() {
		defer close(done)
		first := netip.MustParsePrefix("127.1.2.3/32") // of its scope: the kernel puts it first
		for range change {
			_, failed := other.Add(index, first)
			if _, err := other.Remove(index, first); failed != nil || err != nil {
				t.Error(failed, err)
			}
		}
	}()
	whole := 0
	for n := range 100 {
		change <- true
		list, err := c.List(index)
		if errors.Is(err, errInterrupted) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		list = slices.DeleteFunc(list, func(a Address) bool { return a.Prefix.Addr().IsLoopback() })
		if len(list) != len(all) {
			t.Errorf("list %d: %d of %d addresses", n, len(list), len(all))
			break
		}
		whole++
	}
	close(change)
	<-done
	if list, err := c.List(index); err != nil || len(list) != len(all) {
		t.Errorf("after %d whole lists: %d addresses, error %v", whole, len(list), err)
	}
}

// Each error names the address, the interface and what to do.
func TestErrors(t *testing.T) {
	c := open(t)
	here, _ := pair(t)
	number := index(t, here)
	run(t, "sysctl -qw net/ipv6/conf/"+here+"/disable_ipv6=1")
	gone, _ := pair(t)
	goneNumber := index(t, gone)
	run(t, "ip link delete "+gone)

	add := func(index int, p ...string) error { _, err := c.AddAll(index, prefixes(p...)); return err }
	tests := []struct {
		name string
		err  error
		is   error
		want string
	}{
		{
			"IPv6 is disabled", add(number, "2001:db8::100/128"), unix.EACCES,
			"add 2001:db8::100/128 to X: IPv6 is disabled on X: sysctl -w net/ipv6/conf/X/disable_ipv6=0 (permission denied (ipv6: IPv6 is disabled on this device))",
		},
		{
			"one of several is refused", add(number, "192.0.2.100/32", "2001:db8::100/128", "2001:db8::101/128", "192.0.2.101/32"), unix.EACCES,
			"add 2001:db8::100/128 and 1 more to X: IPv6 is disabled on X: sysctl -w net/ipv6/conf/X/disable_ipv6=0 (permission denied (ipv6: IPv6 is disabled on this device))",
		},
		{
			"the interface is gone", add(goneNumber, "192.0.2.100/32"), unix.ENODEV,
			fmt.Sprintf("add 192.0.2.100/32 to the interface that had number %d: there is no such interface any more: it must be looked up anew by its name (no such device", goneNumber),
		},
		{"no prefix", func() error { _, err := c.Add(number, netip.Prefix{}); return err }(), nil, "invalid Prefix is no IPv4 or IPv6 address"},
		{"IPv4 in IPv6", add(number, "::ffff:192.0.2.1/128"), nil, "::ffff:192.0.2.1/128 is no IPv4 or IPv6 address"},
	}
	for _, test := range tests {
		if want := strings.ReplaceAll(test.want, "X", here); test.err == nil || !strings.HasPrefix(test.err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", test.name, test.err, want)
		}
		if test.is != nil && !errors.Is(test.err, test.is) {
			t.Errorf("%s: %v is not %v", test.name, test.err, test.is)
		}
	}
	if got := addressesOf(t, here); got != "192.0.2.100/32, 192.0.2.101/32" {
		t.Errorf("the others: %s", got)
	}
	// What is wanted gone from an interface that is gone, is.
	for _, p := range prefixes("192.0.2.100/24", "2001:db8::100/128") {
		if has, err := listed(c, goneNumber, p); has || err != nil {
			t.Errorf("has %s: %v, %v", p, has, err)
		}
		if removed, err := c.Remove(goneNumber, p); removed || err != nil {
			t.Errorf("removed %s: %v, %v", p, removed, err)
		}
	}
}

// The test below is run again by itself, without the capabilities.
const unprivileged = "MAINSTAY_LINK_TEST_UNPRIVILEGED"

func TestWithoutPrivilege(t *testing.T) {
	if os.Getenv(unprivileged) == "" {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("setpriv", "--bounding-set=-net_admin,-net_raw", "--inh-caps=-net_admin,-net_raw",
			self, "-test.run=^TestWithoutPrivilege$")
		cmd.Env = append(os.Environ(), unprivileged+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	c := open(t)
	w := watch(t, "lo") // needs none
	lo, _ := w.Interface("lo")
	p := netip.MustParsePrefix("127.0.0.9/8")
	_, add := c.Add(lo.Index, p)
	_, remove := c.Remove(lo.Index, netip.MustParsePrefix("127.0.0.1/8"))
	_, announce := OpenAnnouncer(lo.Index, "lo", nil)
	for _, test := range []struct {
		err  error
		want string
	}{
		{add, "add 127.0.0.9/8 to lo: no permission to change addresses: run as root, or with CAP_NET_ADMIN (operation not permitted)"},
		{remove, "remove 127.0.0.1/8 from lo: no permission to change addresses: run as root, or with CAP_NET_ADMIN (operation not permitted)"},
		{announce, "open a packet socket for lo: no permission: run as root, or with CAP_NET_RAW (operation not permitted)"},
	} {
		if test.err == nil || test.err.Error() != test.want {
			t.Errorf("\n got %v\nwant %s", test.err, test.want)
		}
	}
	if has, err := listed(c, lo.Index, netip.MustParsePrefix("127.0.0.1/8")); err != nil || !has {
		t.Errorf("has 127.0.0.1/8: %v, %v", has, err)
	}
}

// A connection that is closed says so.
func TestClosed(t *testing.T) {
	c, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	w, err := Watch()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := errors.Join(c.Close(), w.Close()); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.Add(1, netip.MustParsePrefix("127.0.0.9/8")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Add: %v", err)
	}
	if _, err := w.Read(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Read: %v", err)
	}
}

// listed reports whether the kernel has an address on an interface, with just this
// prefix length.
func listed(c *Conn, index int, p netip.Prefix) (bool, error) {
	list, err := c.List(index)
	return slices.ContainsFunc(list, func(a Address) bool { return a.Prefix == p }), err
}
