package pair

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

// An interface that is not there is a fault; the router recovers by itself when it comes,
// and when it comes again under another number.
func TestAnInterfaceThatComesAndGoes(t *testing.T) {
	t.Parallel()
	p := New(t, Router{Version: 3, Interval: fast}, Member{Program: Mainstay, Priority: high, More: `  - name: late
    interface: late0
    vrid: 52
    advert_interval: 100ms
    addresses: [198.51.100.100/32]
`})
	a := p.Directors[0]
	a.Start()
	p.Master(a)
	state := func(pattern string) { t.Helper(); explainsRouter(t, a, "late", pattern) }
	state(`fault: the interface late0 is not there`)
	for range 2 {
		a.Host.Run("ip", "link", "add", "late0", "type", "veth", "peer", "name", "late1")
		a.Host.Run("ip", "link", "set", "late0", "up")
		state(`fault: the interface late0 is down`)
		a.Host.Run("ip", "link", "set", "late1", "up")
		state(`fault: late0 has no IPv4 address to send from`)
		a.Host.Run("ip", "address", "add", "198.51.100.11/24", "dev", "late0")
		state(`(?s)master: .*198.51.100.100/32`)
		lab.Eventually(t, "the address is there", func() (bool, string) {
			got := a.Host.Run("ip", "-4", "address", "show", "dev", "late0")
			return strings.Contains(got, "inet 198.51.100.100/32"), got
		})
		a.Host.Run("ip", "link", "del", "late0")
		state(`fault: the interface late0 is not there`)
	}
}

func explainsRouter(t *testing.T, d *Director, router, pattern string) {
	t.Helper()
	said := ""
	lab.Eventually(t, router+" is explained as "+pattern, func() (bool, string) {
		_, said = d.Ask("explain", router)
		return matches(pattern, said), said
	})
}

// An address that somebody takes off a master's interface is put back.
func TestAnAddressTakenOffAMasterIsPutBack(t *testing.T) {
	t.Parallel()
	p, a := alone(t)
	mark := p.Mark()
	a.Host.Run("ip", "address", "del", Virtual+"/32", "dev", Segment)
	p.Sees(mark, a, Removes, 0)
	p.Stays(a)
	a.process.WaitFor(0, `somebody took .*192.0.2.100/32.* off lan: put back`)
}

// An address that was there before Mainstay is not Mainstay's: it is left where it is.
func TestAnAddressOfSomebodyElse(t *testing.T) {
	t.Parallel()
	p := New(t, Router{Version: 3, Interval: fast}, Member{Program: Mainstay, Priority: high})
	a := p.Directors[0]
	a.Host.Address(Virtual+"/32", Segment)
	mark := p.Mark()
	a.Start()
	p.Master(a)
	explains(t, a, `192.0.2.100/32 was on lan before`)
	a.Stop()
	for _, e := range p.Since(mark) {
		if e.What == Removes && e.Address.String() == Virtual+"/32" {
			t.Error("it was taken off")
		}
	}
	if got := a.Host.Run("ip", "-4", "address", "show", "dev", Segment); !strings.Contains(got, Virtual+"/32") || strings.Contains(got, "192.0.2.101/32") {
		t.Errorf("after the stop:\n%s", got)
	}
}

// Once it has left the host, and a master had to add it, it is Mainstay's as any other.
func TestAnAddressOfSomebodyElseThatIsGone(t *testing.T) {
	t.Parallel()
	p := New(t, Router{Version: 3, Interval: fast}, Member{Program: Mainstay, Priority: high})
	a := p.Directors[0]
	a.Host.Address(Virtual+"/32", Segment)
	a.Start()
	p.Master(a)
	mark := p.Mark()
	a.Host.Run("ip", "address", "del", Virtual+"/32", "dev", Segment)
	p.Sees(mark, a, Removes, 0)
	p.Stays(a)
	a.Stop()
	p.Bare(a)
}

// An interface that gets another name takes the addresses along: they are taken off it.
func TestAnInterfaceThatIsRenamed(t *testing.T) {
	t.Parallel()
	p, a := alone(t)
	a.Host.Run("ip", "link", "set", "dev", Segment, "name", "other0")
	p.Bare(a)
	explains(t, a, "fault: the interface lan is not there")
	a.Host.Run("ip", "link", "set", "dev", "other0", "name", Segment)
	p.Master(a)
}

// A tracked interface that is down is a fault: the other takes over, and back.
func TestATrackedInterface(t *testing.T) {
	t.Parallel()
	p := New(t, Router{Version: 3, Interval: fast},
		Member{Program: Mainstay, Priority: high, More: "    track: {interfaces: [up0]}\n"}, Member{Program: Keepalived, Priority: low})
	a, b := p.Directors[0], p.Directors[1]
	a.Host.Run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1")
	a.Host.Run("ip", "link", "set", "up0", "up")
	a.Host.Run("ip", "link", "set", "up1", "up")
	b.Start()
	a.Start()
	p.Master(a)
	mark := p.Mark()
	a.Host.Run("ip", "link", "set", "up0", "down")
	p.Master(b)
	handedOver(t, p, mark, a, b)
	explains(t, a, `fault: .*the interface up0 is down`)
	a.Host.Run("ip", "link", "set", "up0", "up")
	p.Master(a)
}

// A tracked command that fails lowers the priority, and the master stays until it hears a
// higher one: no gap.
func TestATrackedCommand(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "tracked-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // the command's user must see what is in it
		t.Fatal(err)
	}
	file := dir + "/failed"
	p := New(t, Router{Version: 3, Interval: fast},
		Member{Program: Mainstay, Priority: high, More: fmt.Sprintf(
			"    track: {commands: [{command: [/usr/bin/test, '!', -e, %s], interval: 100ms, timeout: 100ms, fall: 1, rise: 1, penalty: 150}]}\n", file), User: "nobody"},
		Member{Program: Mainstay, Priority: low})
	a, b := p.Directors[0], p.Directors[1]
	b.Start()
	a.Start()
	p.Master(a)
	mark := p.Mark()
	write(t, file)
	p.Sees(mark, a, Advertises, high-150)
	p.Master(b)
	added := p.Sees(mark, b, Adds, 0).At
	if removed := p.Sees(mark, a, Removes, 0).At; removed.Before(added) {
		t.Errorf("it let go %s before the other had the address", added.Sub(removed))
	}
	explains(t, a, `(?s)backup: .*priority +50 in force, 200 in the file.*150 for command /usr/bin/test`)

	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	p.Master(a)
	explains(t, a, `(?s)master: .*priority +200, as in the file`)
}

// Routers of a sync group move together, also where only one of them has lost its network.
func TestASyncGroup(t *testing.T) {
	t.Parallel()
	const group = `    sync_group: both
  - name: inside
    interface: in
    vrid: 52
    priority: %d
    advert_interval: 100ms
    addresses: [198.51.100.1/32]
    sync_group: both
`
	for _, peer := range []Program{Mainstay} {
		t.Run(string(peer), func(t *testing.T) {
			p := New(t, Router{Version: 3, Interval: fast},
				Member{Program: Mainstay, Priority: high, More: fmt.Sprintf(group, high)}, Member{Program: peer, Priority: low, More: fmt.Sprintf(group, low)})
			a, b := p.Directors[0], p.Directors[1]
			inside := func(d *Director) {
				t.Helper()
				lab.Eventually(t, d.String()+" alone has the inside address", func() (bool, string) {
					all := ""
					right := true
					for _, o := range p.Directors {
						got := o.Host.Run("ip", "-4", "address", "show", "dev", "in")
						all += o.String() + ":\n" + got
						right = right && strings.Contains(got, "198.51.100.1/32") == (o == d)
					}
					return right, all
				})
			}
			for i, d := range p.Directors {
				d.Host.Join("in", fmt.Sprintf("198.51.100.%d/24", 11+i))
			}
			b.Start()
			a.Start()
			p.Master(a)
			inside(a)

			mark := p.Mark()
			a.Host.Cable("in", false)
			p.Master(b)
			inside(b)
			handedOver(t, p, mark, a, b) // outside, where there is no fault, without a gap
			a.Host.Cable("in", true)
			p.Master(a)
			inside(a)

			if status, said := a.Ask("failover", "inside"); status != 0 {
				t.Fatalf("failover: exit status %d\n%s", status, said)
			}
			p.Master(b)
			inside(b)
			explains(t, a, `(?i)stand`)
		})
	}
}
