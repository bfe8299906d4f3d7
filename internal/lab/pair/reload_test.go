package pair

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

// rewrite changes a director's file and has it reloaded.
func rewrite(t *testing.T, d *Director, pairs ...string) {
	t.Helper()
	d.write("mainstay.yaml", strings.NewReplacer(pairs...).Replace(d.mainstayConfig()))
	if status, said := d.Ask("reload"); status != 0 {
		t.Fatalf("reload: exit status %d\n%s", status, said)
	}
}

func matches(pattern, text string) bool { return regexp.MustCompile(pattern).MatchString(text) }

func write(t *testing.T, file string) {
	t.Helper()
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

// A reload changes a master in place: it never lets go, and addresses that come and go do
// so while it holds the others.
func TestAReloadOfAMaster(t *testing.T) {
	t.Parallel()
	p, a := alone(t)
	mark := p.Mark()
	on := func(want ...string) {
		t.Helper()
		lab.Eventually(t, "the addresses become "+strings.Join(want, " "), func() (bool, string) {
			got := a.Host.Run("ip", "-4", "-brief", "address", "show", "dev", Segment)
			right := strings.Count(got, "/32") == len(want)
			for _, w := range want {
				right = right && strings.Contains(got, w)
			}
			return right, got
		})
	}
	rewrite(t, a, "192.0.2.101/32", "192.0.2.102/32")
	on("192.0.2.100/32", "192.0.2.102/32")
	rewrite(t, a, "priority: 200", "priority: 90", "advert_interval: 100ms", "advert_interval: 50ms")
	explains(t, a, `(?s)adverts each 50ms.*priority +90`)
	on("192.0.2.100/32", "192.0.2.101/32")
	for _, e := range p.Since(mark) {
		if e.What == Removes && e.Address.String() == Virtual+"/32" {
			t.Error("it let go of the address that stayed")
		}
		if e.What == Advertises && e.Priority == 0 {
			t.Error("it said priority 0")
		}
	}
}

// A router that is taken out of the file hands over; one that comes in takes part.
func TestAReloadThatTakesARouterOut(t *testing.T) {
	t.Parallel()
	beside(t, fast, func(t *testing.T, p *Pair, a, b *Director) {
		mark := p.Mark()
		file := a.mainstayConfig()
		cut := strings.Index(file, "virtual_routers:")
		a.write("mainstay.yaml", file[:cut])
		if status, said := a.Ask("reload"); status != 0 {
			t.Fatalf("reload: exit status %d\n%s", status, said)
		}
		p.Master(b)
		handedOver(t, p, mark, a, b)
		rewrite(t, a)
		p.Master(a)
	})
}

// A file that is wrong changes nothing.
func TestAReloadOfAWrongFile(t *testing.T) {
	t.Parallel()
	p, a := alone(t)
	mark := p.Mark()
	a.write("mainstay.yaml", strings.Replace(a.mainstayConfig(), "vrid: 51", "vrid: 0", 1))
	if status, said := a.Ask("reload"); status != 1 || !strings.Contains(said, "vrid") {
		t.Errorf("exit status %d\n%s", status, said)
	}
	p.Stays(a)
	never(t, p, mark, a, Removes)
}

// A router by another name is still the same router, and an address that goes from one
// router to another does not leave the host.
func TestAReloadThatRenamesAndMoves(t *testing.T) {
	t.Parallel()
	p := New(t, Router{Version: 3, Interval: fast}, Member{Program: Mainstay, Priority: high, More: `  - name: second
    interface: lan
    vrid: 52
    advert_interval: 100ms
    addresses: [192.0.2.110/32]
`})
	a := p.Directors[0]
	a.Start()
	p.Master(a)
	explainsRouter(t, a, "second", "master: ")
	mark := p.Mark()
	rewrite(t, a, "name: "+Name, "name: border",
		`["192.0.2.100/32", "192.0.2.101/32"]`, `["192.0.2.100/32"]`, "[192.0.2.110/32]", "[192.0.2.110/32, 192.0.2.101/32]")
	explainsRouter(t, a, "border", "(?s)master: .*192.0.2.100/32")
	explainsRouter(t, a, "second", "(?s)master: .*192.0.2.101/32")
	p.Stays(a)
	neverLetsGo(t, p, mark, a)
}

// A router that is taken out of the file and put back before it has handed over is back
// once it has.
func TestAReloadThatIsTakenBack(t *testing.T) {
	t.Parallel()
	p, a := alone(t)
	file := a.mainstayConfig()
	mark := p.Mark()
	a.write("mainstay.yaml", file[:strings.Index(file, "virtual_routers:")])
	if status, said := a.Ask("reload"); status != 0 {
		t.Fatalf("reload: exit status %d\n%s", status, said)
	}
	rewrite(t, a)
	p.Sees(mark, a, Advertises, 0)
	p.Sees(mark, a, Advertises, high)
	p.Master(a)
}

const second = `    sync_group: both
  - name: second
    interface: lan
    vrid: 52
    priority: 200
    advert_interval: 100ms
    addresses: [192.0.2.110/32]
    sync_group: both
`

// A router that joins a sync group does not move those that are master already.
func TestAReloadThatAddsToASyncGroup(t *testing.T) {
	t.Parallel()
	p := New(t, Router{Version: 3, Interval: fast}, Member{Program: Mainstay, Priority: high, More: "    sync_group: both\n"})
	a := p.Directors[0]
	a.Start()
	p.Master(a)
	mark := p.Mark()
	a.More = second
	rewrite(t, a)
	explainsRouter(t, a, "second", "master: ")
	p.Stays(a)
	neverLetsGo(t, p, mark, a)
}

// A failover of a sync group that the peer can do for one router only is called off for
// all of them.
func TestAFailoverOfHalfASyncGroup(t *testing.T) {
	t.Parallel()
	p := New(t, Router{Version: 3, Interval: fast},
		Member{Program: Mainstay, Priority: high, More: second}, Member{Program: Mainstay, Priority: low})
	a, b := p.Directors[0], p.Directors[1]
	b.Start()
	a.Start()
	p.Master(a)
	explainsRouter(t, a, "second", "master: ")
	status, said := a.Ask("failover", Name)
	if status != 1 || !strings.Contains(said, "no router took over from second of the same sync group: called off") {
		t.Errorf("exit status %d, want 1\n%s", status, said)
	}
	p.Master(a)
	explainsRouter(t, a, "second", "master: ")
	if _, said := a.Ask("status"); strings.Contains(said, "STANDING BY") {
		t.Errorf("something stands by:\n%s", said)
	}
}
