package link

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Whatever happens to an interface is told by its name, and the picture is then the
// kernel's.
func TestTheWatcherHearsOfEachChange(t *testing.T) {
	tests := []struct {
		name     string
		before   []string // ip commands, sysctl apart; X is the interface, Y the other end of its cable
		change   []string
		told     bool
		upBefore bool
		upAfter  bool
	}{
		{"an IPv4 address", nil, []string{"address add 192.0.2.1/24 dev X"}, true, true, true},
		{"an IPv6 address", nil, []string{"address add 2001:db8::1/64 dev X nodad"}, true, true, true},
		{"an address goes", []string{"address add 192.0.2.1/24 dev X"}, []string{"address delete 192.0.2.1/24 dev X"}, true, true, true},
		{"all addresses go", []string{"address add 192.0.2.1/24 dev X", "address add 2001:db8::1/64 dev X"}, []string{"address flush dev X"}, true, true, true},
		{"an address is deprecated", []string{"address add 192.0.2.1/24 dev X"}, []string{"address change 192.0.2.1/24 dev X valid_lft 1000 preferred_lft 0"}, true, true, true},
		{"an address with a peer", nil, []string{"address add 192.0.2.1 peer 192.0.2.9/32 dev X", "address add 2001:db8::1 peer 2001:db8::9/128 dev X nodad"}, true, true, true},
		{"set down", nil, []string{"link set X down"}, true, true, false},
		{"set up", []string{"link set X down"}, []string{"link set X up"}, true, false, true},
		{"the cable is pulled", nil, []string{"link set Y down"}, true, true, false},
		{"the cable is plugged", []string{"link set Y down"}, []string{"link set Y up"}, true, false, true},
		{"another MTU", nil, []string{"link set X mtu 1400"}, true, true, true},
		{"another hardware address", nil, []string{"link set X address 02:00:00:00:00:42"}, true, true, true},
		{"deleted", []string{"address add 192.0.2.1/24 dev X"}, []string{"link delete X"}, true, true, false},
		{"deleted and made again", []string{"address add 192.0.2.1/24 dev X"}, []string{
			"link delete X", "link add name X type veth peer name Y", "address add 192.0.2.2/24 dev X", "link set Y up", "link set X up",
		}, true, true, true},
		{"renamed away", nil, []string{"link set X down", "link set X name Xq"}, true, true, false},
		{"renamed to", []string{"link set X down", "link set X name Xq", "address add 192.0.2.7/24 dev Xq"}, []string{"link set Xq name X", "link set X up"}, true, false, true},
		{"a secondary address becomes primary", []string{
			"sysctl -qw net/ipv4/conf/X/promote_secondaries=1",
			"address add 192.0.2.1/24 dev X", "address add 198.51.100.1/24 dev X",
			"address add 198.51.100.2/24 dev X", "address add 192.0.2.2/24 dev X",
		}, []string{"address delete 192.0.2.1/24 dev X"}, true, true, true},
		{"secondary addresses go along", []string{
			"address add 192.0.2.1/24 dev X", "address add 192.0.2.2/24 dev X",
		}, []string{"address delete 192.0.2.1/24 dev X"}, true, true, true},
		{"into a bridge", []string{"link add name Xb type bridge"}, []string{"link set X master Xb", "link set X nomaster", "link delete Xb"}, false, true, true},
		{"there and back again", nil, []string{"address add 192.0.2.1/24 dev X", "address delete 192.0.2.1/24 dev X"}, false, true, true},
		{"another interface", nil, []string{"address add 192.0.2.1/24 dev Y", "link set Y alias other"}, false, true, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			here, there := pair(t)
			names := strings.NewReplacer("X", here, "Y", there)
			for _, command := range test.before {
				if !strings.HasPrefix(command, "sysctl") {
					command = "ip " + command
				}
				run(t, names.Replace(command))
			}
			w := watch(t, here)
			agrees(t, w, here)
			if i, _ := w.Interface(here); i.Up != test.upBefore {
				t.Fatalf("before: %+v", i)
			}
			for _, command := range test.change {
				run(t, "ip "+names.Replace(command))
			}
			told := agrees(t, w, here)
			if slices.Contains(told, here) != test.told {
				t.Errorf("told of changes: %v", told)
			}
			if i, _ := w.Interface(here); i.Up != test.upAfter {
				t.Errorf("after: %+v", i)
			}
		})
	}
}

// An interface may be followed before it exists, and be given up again.
func TestFollow(t *testing.T) {
	here, there := pair(t)
	w := watch(t, here, "not-there", "no-name-is-as-long-as-this-one", "")
	for _, name := range []string{there, "not-there", "no-name-is-as-long-as-this-one", ""} {
		if i, ok := w.Interface(name); ok {
			t.Errorf("%q: %+v", name, i)
		}
	}
	before, ok := w.Interface(here)
	if !ok || before.Index != index(t, here) || !before.Ethernet || len(before.Hardware) != 6 {
		t.Fatalf("%+v, %v", before, ok)
	}
	if err := w.Follow(there, "lo"); err != nil {
		t.Fatal(err)
	}
	if i, ok := w.Interface(here); ok {
		t.Errorf("given up: %+v", i)
	}
	if i, ok := w.Interface("lo"); !ok || i.Ethernet || !i.Up {
		t.Errorf("lo: %+v", i)
	}
	run(t, "ip link set "+here+" mtu 1400")
	run(t, "ip link set "+there+" mtu 1300")
	if told := agrees(t, w, there); !slices.Equal(told, []string{there}) {
		t.Errorf("told of %v", told)
	}
	if changed, err := w.Resync(); err != nil || len(changed) != 0 {
		t.Errorf("Resync: %v, %v", changed, err)
	}
}

// What Interface returns is the caller's, whatever comes.
func TestAnInterfaceIsACopy(t *testing.T) {
	here, _ := pair(t)
	run(t, "ip address add 192.0.2.1/24 dev "+here)
	w := watch(t, here)
	i, _ := w.Interface(here)
	i.Hardware[0] ^= 2
	i.Addresses[0] = Address{}
	agrees(t, w, here)
}

// Two interfaces that swap their names.
func TestSwappedNames(t *testing.T) {
	a, b := pair(t)
	run(t, "ip address add 192.0.2.1/24 dev "+a)
	run(t, "ip address add 192.0.2.2/24 dev "+b)
	w := watch(t, a, b)
	batch(t, "link set "+a+" down", "link set "+b+" down", "link set "+a+" name between", "link set "+b+" name "+a, "link set between name "+b)
	told := agrees(t, w, a)
	told = append(told, agrees(t, w, b)...)
	if !slices.Contains(told, a) || !slices.Contains(told, b) {
		t.Errorf("told of %v", told)
	}
}

// After events were lost the watcher asks, and its picture is right.
func TestLostEvents(t *testing.T) {
	here, there := pair(t)
	w := watch(t, here)
	if err := w.events.setReceiveBuffer(4096); err != nil {
		t.Fatal(err)
	}
	commands := []string{"link set " + here + " mtu 1400"}
	for n := range 2000 {
		commands = append(commands, fmt.Sprintf("address add 198.18.%d.%d/32 dev %s", n>>8, n&0xff, []string{here, there}[n%2]))
	}
	batch(t, commands...)
	changed, err := w.Read()
	if err != nil || !slices.Equal(changed, []string{here}) {
		t.Errorf("changed %v, error %v", changed, err)
	}
	if w.Losses() == 0 {
		t.Error("no event was lost")
	}
	if i, _ := w.Interface(here); len(i.Addresses) < 1000 || i.MTU != 1400 {
		t.Errorf("%d addresses, MTU %d", len(i.Addresses), i.MTU)
	}
	// From now on it hears again.
	run(t, "ip address delete 198.18.0.0/32 dev "+here)
	if told := agrees(t, w, here); !slices.Equal(told, []string{here}) {
		t.Errorf("told of %v", told)
	}
}

// Lists that change while they are read.
func TestReadingWhatChanges(t *testing.T) {
	here, there := pair(t)
	w := watch(t, here)
	var commands []string
	for n := range 4000 {
		address := fmt.Sprintf("198.18.%d.%d/32 dev %s", n>>8, n&0xff, []string{here, there}[n%2])
		commands = append(commands, "address add "+address)
		if n%4 == 0 {
			commands = append(commands, "address delete "+address)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		batch(t, commands...)
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		if _, err := w.Resync(); err != nil && !strings.Contains(err.Error(), errInterrupted.Error()) {
			t.Error(err)
		}
	}
	agrees(t, w, here)
}

// Some addresses have a prefix in common, some scopes other than the usual one, and some
// are one address twice.
var (
	anyIPv4 = rapid.SampledFrom([]string{
		"192.0.2.1/24", "192.0.2.2/24", "192.0.2.3/24", "192.0.2.3/25", "192.0.2.3/32", "192.0.2.129/25", "198.51.100.1/24",
		"198.51.100.2/24", "127.9.9.9/8", "127.9.9.8/8", "198.51.100.9/24 scope link", "203.0.113.1/24 scope link",
		"203.0.113.2/24 scope link", "203.0.113.5 peer 203.0.113.6/32", "203.0.113.5 peer 203.0.113.7/32",
	})
	anyIPv6 = rapid.SampledFrom([]string{
		"2001:db8::1/64 nodad", "2001:db8::2/64 nodad", "2001:db8::2/128 nodad", "fe80::100/64 nodad",
	})
)

func addressChange(t *rapid.T, interfaces ...string) string {
	address := anyIPv4
	if rapid.IntRange(0, 4).Draw(t, "family") == 0 {
		address = anyIPv6
	}
	verb := rapid.SampledFrom([]string{"add", "add", "delete"}).Draw(t, "verb")
	return "address " + verb + " " + address.Draw(t, "address") + " dev " + rapid.SampledFrom(interfaces).Draw(t, "interface")
}

// From addresses that come and go comes the kernel's order, by its events alone.
func TestRandomAddresses(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		here, _ := pair(t)
		defer batch(t, "link delete "+here)
		promote := rapid.Bool().Draw(rt, "promote_secondaries")
		run(t, fmt.Sprintf("sysctl -qw net/ipv4/conf/%s/promote_secondaries=%d", here, boolToInt(promote)))
		w := watch(t, here)
		for _, walk := range rapid.SliceOfN(rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
			return addressChange(t, here)
		}), 1, 15), 1, 4).Draw(rt, "walk") {
			batch(t, walk...)
			agrees(rt, w, here)
		}
		if w.Losses() != 0 || len(w.picture.unread()) != 0 {
			rt.Fatal("it asked")
		}
	})
}

// From a random walk of changes of all sorts, with reads in between, with and without
// losses, comes the kernel's picture.
func TestRandomWalk(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		here, there := pair(t)
		defer batch(t, "link delete "+here, "link delete other"+here)
		w := watch(t, here)
		if rapid.Bool().Draw(rt, "small buffer") {
			if err := w.events.setReceiveBuffer(1); err != nil { // the kernel's least
				t.Fatal(err)
			}
		}
		change := rapid.Custom(func(t *rapid.T) string {
			end := rapid.SampledFrom([]string{here, here, here, there}).Draw(t, "end")
			switch rapid.IntRange(0, 15).Draw(t, "change") {
			case 0:
				return "link set " + end + " down"
			case 1, 2:
				return "link set " + end + " up"
			case 3:
				return fmt.Sprintf("link set %s mtu %d", end, rapid.IntRange(1300, 1310).Draw(t, "mtu"))
			case 4:
				return fmt.Sprintf("link set %s address 02:00:00:00:00:%02x", end, rapid.IntRange(1, 9).Draw(t, "mac"))
			case 5:
				return "link set " + here + " name other" + here
			case 6:
				return "link set other" + here + " name " + here
			case 7:
				return "link delete " + here
			case 8:
				return "link add name " + here + " type veth peer name " + there
			default:
				return addressChange(t, here, there)
			}
		})
		for _, walk := range rapid.SliceOfN(rapid.SliceOfN(change, 1, 15), 1, 5).Draw(rt, "walk") {
			batch(t, walk...)
			if rapid.Bool().Draw(rt, "read") {
				if _, err := w.Read(); err != nil {
					rt.Fatal(err)
				}
			}
		}
		agrees(rt, w, here)
	})
}
