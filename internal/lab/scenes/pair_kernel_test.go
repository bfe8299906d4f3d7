//go:build kernel

package scenes

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

// couple are two directors that share a virtual address with VRRP, two real servers behind
// forward dr, and a client, all on one network.
type couple struct {
	*scene
	a, b *scene // each director's own
}

const coupleRouter = `
virtual_routers:
  - name: edge
    interface: front
    vrid: 51
    priority: %d
    advert_interval: 200ms
    addresses: [198.51.100.100/32]
    connection_sync: {interface: front, id: 51}
    track:
      virtual_services: [{name: demo, penalty: 60}]
checks:
  demo:
    monitor: {port: 9651, service: demo}
    interval: 200ms
    timeout: 200ms
virtual_services:
  - name: demo
    address: ` + virtual + `/tcp
    scheduler: rr
    forward: dr
    checks: [demo]
    real_servers: [198.51.100.21, 198.51.100.22]
`

func newCouple(t *testing.T) *couple {
	t.Helper()
	l := lab.New(t)
	c := &couple{scene: &scene{
		T: t, lab: l, dir: t.TempDir(),
		client: l.Host("client").Join("front", clientAddress+"/24"),
		hosts:  make(map[string]*lab.Host), programs: make(map[string]*lab.Process),
	}}
	for n := 1; n <= 2; n++ {
		host := l.Host(fmt.Sprintf("rs%d", n)).Join("front", fmt.Sprintf("198.51.100.2%d/24", n)).
			Sysctl("net.ipv4.conf.all.arp_ignore", "1").Sysctl("net.ipv4.conf.all.arp_announce", "2").
			Address("198.51.100.100/32", "lo")
		address := fmt.Sprintf("198.51.100.2%d:7000", n)
		c.hosts[address] = host
		c.programs[address] = host.Start(bin("realserver"), "-name", host.Name, "-service", "demo")
		c.programs[address].WaitFor(0, "listening")
	}
	for n, at := range []**scene{&c.a, &c.b} {
		*at = &scene{
			T: t, lab: l, dir: t.TempDir(), client: c.client,
			director: l.Host("lb-"+string(rune('a'+n))).Join("front", fmt.Sprintf("198.51.100.%d/24", 11+n)),
		}
		(*at).config(fmt.Sprintf(coupleRouter, 150-n*50))
	}
	return c
}

// begin starts both directors, and waits until the first one is master.
func (c *couple) begin() {
	c.Helper()
	c.a.start()
	c.a.leads()
	c.b.start()
	c.b.wants(coupleTable)
	c.b.listens()
}

const coupleTable = "-A -t " + virtual + " -s rr\n-a -t " + virtual + " -r 198.51.100.21:7000 -g -w 1\n-a -t " + virtual + " -r 198.51.100.22:7000 -g -w 1\n"

// leads waits until a director holds the virtual address, and says so.
func (s *scene) leads() {
	s.Helper()
	lab.Eventually(s, s.director.Name+" is master", func() (bool, string) {
		got := s.mainstay("status") + s.mainstay("explain", "edge") + s.director.Run("ip", "-4", "addr", "show", "dev", "front")
		return strings.Contains(got, "master: ") && strings.Contains(got, "inet 198.51.100.100/32"), got
	})
}

// follows waits until a director does not hold it.
func (s *scene) follows() {
	s.Helper()
	lab.Eventually(s, s.director.Name+" is backup", func() (bool, string) {
		got := s.mainstay("explain", "edge") + s.director.Run("ip", "-4", "addr", "show", "dev", "front")
		return strings.Contains(got, "backup: ") && !strings.Contains(got, "inet 198.51.100.100/32"), got
	})
}

// listens waits until the kernel's sync daemon listens, and only that.
func (s *scene) listens() { s.Helper(); s.syncs("backup sync daemon (mcast=front, syncid=51") }

// tells waits until it tells the others, and only that.
func (s *scene) tells() { s.Helper(); s.syncs("master sync daemon (mcast=front, syncid=51") }

func (s *scene) syncs(want string) {
	s.Helper()
	lab.Eventually(s, s.director.Name+": "+want, func() (bool, string) {
		got := s.director.Run("ipvsadm", "-Ln", "--daemon")
		return strings.HasPrefix(got, want) && strings.Count(got, "sync daemon") == 1, got
	})
}

// knows waits until a director's kernel has so many established connections.
func (s *scene) knows(connections int) {
	s.Helper()
	lab.Eventually(s, fmt.Sprintf("%s knows %d connections", s.director.Name, connections), func() (bool, string) {
		got := s.director.Run("ipvsadm", "-Lnc")
		return strings.Count(got, "ESTABLISHED") == connections, got
	})
}

// open opens a connection to the virtual service that stays, and says who is at its end.
func (c *couple) open() (p *lab.Process, server string) {
	c.Helper()
	p = c.client.Start(bin("realserver"), "-call", virtual, "-hold", "-timeout", "20s")
	for range 5 { // the kernel tells of a connection once it has seen some packets
		server = c.ask(p)
	}
	return p, server
}

// ask asks on an open connection who is at its end.
func (c *couple) ask(p *lab.Process) string {
	c.Helper()
	mark := p.Mark()
	p.Send("whoami")
	return p.WaitFor(mark, `rs[12]`)[0]
}

// An open connection survives its director: the other one knows it, and goes on with the
// same real server.
func TestAnOpenConnectionSurvivesAFailover(t *testing.T) {
	c := newCouple(t)
	c.begin()
	c.a.tells()
	connection, server := c.open()
	c.b.knows(1)

	c.a.mainstay("failover", "edge")
	c.b.leads()
	c.a.follows()
	if got := c.ask(connection); got != server {
		t.Errorf("before it was %s, now it is %s", server, got)
	}
	c.b.tells()
	c.a.listens()

	// And back, now that a cable is pulled.
	c.a.mainstay("failover", "edge", "--cancel")
	c.a.leads()
	if got := c.ask(connection); got != server {
		t.Errorf("before it was %s, back it is %s", server, got)
	}
	c.b.knows(1)
	c.a.director.Cable("front", false)
	c.b.leads()
	if got := c.ask(connection); got != server {
		t.Errorf("before it was %s, after the cable it is %s", server, got)
	}
}

// What the kernel knows of connections outlives the daemon: also one that was opened
// before the peer's daemon was restarted, and that was idle since.
func TestAnIdleConnectionSurvivesARestartOfThePeerAndAFailover(t *testing.T) {
	c := newCouple(t)
	c.begin()
	c.a.tells()
	connection, server := c.open()
	c.b.knows(1)

	c.b.daemon.Stop()
	c.b.start()
	c.b.listens()
	c.b.knows(1)
	c.a.mainstay("failover", "edge")
	c.b.leads()
	if got := c.ask(connection); got != server {
		t.Errorf("before it was %s, now it is %s", server, got)
	}
}

// A master whose daemon is stopped listens while it is away, so that what clients open
// meanwhile is known to it when it takes over again.
func TestAStoppedMasterListens(t *testing.T) {
	c := newCouple(t)
	c.begin()
	c.a.tells()
	c.a.daemon.Stop()
	if got := c.a.director.Run("ipvsadm", "-Ln", "--daemon"); !strings.Contains(got, "backup sync daemon (mcast=front, syncid=51") {
		t.Errorf("after the stop the kernel's sync daemon is\n%s", got)
	}
	c.b.leads()
	c.b.tells()
	connection, server := c.open()
	c.a.knows(1)
	c.a.start()
	c.a.leads()
	if got := c.ask(connection); got != server {
		t.Errorf("before it was %s, now it is %s", server, got)
	}
	c.a.tells()
}

// The quorum of a tracked service moves the address to where it works.
func TestALostQuorumMovesTheAddress(t *testing.T) {
	c := newCouple(t)
	c.begin()
	// Only the first director can't reach the real servers any more.
	c.a.director.Run("ip", "route", "add", "blackhole", "198.51.100.21/32")
	c.a.director.Run("ip", "route", "add", "blackhole", "198.51.100.22/32")
	c.a.wants("-A -t " + virtual + " -s rr\n")
	c.b.leads()
	c.a.follows()
	if got := c.call("whoami"); !strings.HasPrefix(got, "rs") {
		t.Errorf("answered %q", got)
	}
	c.a.director.Run("ip", "route", "del", "blackhole", "198.51.100.21/32")
	c.a.director.Run("ip", "route", "del", "blackhole", "198.51.100.22/32")
	c.a.leads()
	c.b.follows()
}

// Both processes die at once: the table is left as it is, and the next start does not
// fight the living master.
func TestACrashOfEverythingLeavesTheTableAlone(t *testing.T) {
	c := newCouple(t)
	c.begin()
	c.a.wants(coupleTable)
	// Stopped first: neither sees the other die and takes its leave.
	c.a.director.Run("pkill", "-STOP", "-f", c.a.dir)
	c.a.director.Run("pkill", "-KILL", "-f", c.a.dir)
	_ = c.a.daemon.Wait()
	c.b.leads()
	if got := c.a.table(); got != coupleTable {
		t.Errorf("the table after the crash:\n%s", got)
	}
	c.a.start()
	c.a.follows()
	if got := c.a.table(); got != coupleTable {
		t.Errorf("the table after the next start:\n%s", got)
	}
	c.b.leads()
}
