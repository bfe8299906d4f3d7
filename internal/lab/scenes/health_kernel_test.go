//go:build kernel

package scenes

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

func TestFromAnEmptyKernelToAFullTable(t *testing.T) {
	s := newScene(t, server1, server2, server3)
	s.config(demo([]string{server1, server2, server3}, ""))
	s.start()
	s.wants(demoTable(server1, server2, server3))
	if got := s.answers(30); got["rs1"] != 10 || got["rs2"] != 10 || got["rs3"] != 10 {
		t.Errorf("30 requests went to %v, want 10 to each", got)
	}
}

// IPv6 is balanced likewise, and dr beside nat.
func TestIPv6(t *testing.T) {
	s := newScene(t, server1)
	s.config(`
virtual_services:
  - name: six
    address: "[2001:db8:1::100]:7000/tcp"
    scheduler: wrr
    forward: nat
    checks: [tcp]
    real_servers: ["[2001:db8:2::21]:7000"]
`)
	s.start()
	s.wants("-A -t [2001:db8:1::100]:7000 -s wrr\n-a -t [2001:db8:1::100]:7000 -r [2001:db8:2::21]:7000 -m -w 1\n")
	if got := s.client.Run(bin("realserver"), "-call", "[2001:db8:1::100]:7000", "whoami"); got != "rs1\n" {
		t.Errorf("answered %q", got)
	}
}

func TestDirectRouting(t *testing.T) {
	s := newScene(t)
	s.lab.Host("rs1").Join("front", "198.51.100.21/24").
		Sysctl("net.ipv4.conf.all.arp_ignore", "1").Sysctl("net.ipv4.conf.all.arp_announce", "2").
		Address("198.51.100.100/32", "lo").
		Start(bin("realserver"), "-name", "rs1", "-service", "demo").WaitFor(0, "listening")
	s.config(`
virtual_services:
  - name: direct
    address: ` + virtual + `/tcp
    forward: dr
    checks: [{monitor: {port: 9651, service: demo}}]
    real_servers: [198.51.100.21]
`)
	s.start()
	s.wants("-A -t " + virtual + " -s wlc\n-a -t " + virtual + " -r 198.51.100.21:7000 -g -w 1\n")
	if got := s.call("whoami"); got != "rs1" {
		t.Errorf("answered %q", got)
	}
}

func TestAKilledServerLeavesAndARecoveredOneReturnsWithItsWeight(t *testing.T) {
	s := newScene(t, server1, server2)
	s.config(demo([]string{server1, "{address: " + server2 + ", weight: 5}"}, ""))
	s.start()
	s.wants(demoTable(server1, server2+" 5"))

	s.programs[server2].Kill()
	s.wants(demoTable(server1))
	if got := s.answers(100); got["rs1"] != 100 {
		t.Errorf("after the removal 100 requests went to %v", got)
	}
	s.becomes(server2, "down", `demo: connection refused`)

	s.serve(server2)
	s.wants(demoTable(server1, server2+" 5"))
	s.becomes(server2, "up", `demo ok`)
}

// The port of a stuck server still accepts; its monitor knows better.
func TestAStuckWorkerBehindAnOpenPort(t *testing.T) {
	s := newScene(t, server1, server2)
	s.config(demo([]string{server1, server2}, ""))
	s.start()
	s.wants(demoTable(server1, server2))

	s.programs[server1].Signal(syscall.SIGUSR1)
	s.wants(demoTable(server2))
	s.becomes(server1, "down", `monitor says down: stuck: worker-\d`)
	if got := s.director.Run("bash", "-c", "exec 3<>/dev/tcp/192.0.2.21/7000 && echo open"); got != "open\n" {
		t.Errorf("the stuck server's port is not open: %q", got)
	}

	s.programs[server1].Signal(syscall.SIGUSR2)
	s.wants(demoTable(server1, server2))
}

func TestWhatTheMonitorSaysIsDone(t *testing.T) {
	s := newScene(t, server1, server2)
	s.config(demo([]string{"{address: " + server1 + ", weight: 100}", server2}, ""))
	s.start()
	s.wants(demoTable(server1+" 100", server2))

	s.tell(server1, "weight", "30")
	s.wants(demoTable(server1+" 30", server2))
	s.becomes(server1, "up", `30 %`)
	s.tell(server1, "weight", "100")
	s.wants(demoTable(server1+" 100", server2))

	// maint: out at once.
	s.tell(server1, "state", "maint", "new disks")
	s.wants(demoTable(server2))
	s.becomes(server1, "maint", `new disks`)
	s.tell(server1, "state", "up")
	s.wants(demoTable(server1+" 100", server2))

	// drain: weight 0 while a connection is open, then out.
	held := s.hold(server1)
	s.tell(server1, "state", "drain", "update")
	s.wants(demoTable(server1+" 0", server2))
	s.becomes(server1, "drain", `1 connection left`)
	held.CloseInput()
	s.wants(demoTable(server2))
	s.tell(server1, "state", "up")
	s.wants(demoTable(server1+" 100", server2))
}

// hold opens a connection through the virtual service and keeps it, to a given server.
func (s *scene) hold(address string) *lab.Process {
	s.Helper()
	for range 20 {
		p := s.client.Start(bin("realserver"), "-call", virtual, "-hold")
		p.Send("whoami")
		if p.WaitFor(0, `(rs\d)`)[1] == s.name(address) {
			return p
		}
		p.CloseInput()
		if err := p.Wait(); err != nil {
			s.Fatal(err)
		}
	}
	s.Fatalf("20 connections, and none to %s", address)
	return nil
}

// A wrong mac is a failure that counts; a right one is a verdict.
func TestAWrongMac(t *testing.T) {
	s := newScene(t)
	s.hosts[server1] = s.lab.Host("rs1").Join("back", "192.0.2.21/24").Route("default via 192.0.2.1")
	s.secret("fleet.key", "the secret of the fleet")
	s.secret("other.key", "another secret altogether")
	p := s.serve(server1, "-secret-file", s.file("fleet.key"))
	s.config(`
secrets:
  fleet: {file: "{{dir}}/fleet.key"}
` + strings.Replace(demo([]string{server1}, ""), "service: demo}", "service: demo, secret: fleet}", 1))
	s.start()
	s.wants(demoTable(server1))

	p.Kill()
	s.serve(server1, "-secret-file", s.file("other.key"))
	s.wants(demoTable())
	s.becomes(server1, "down", `mac is wrong`)
}

// secret writes a secret as it should be kept.
func (s *scene) secret(name, text string) {
	s.Helper()
	if err := os.WriteFile(s.file(name), []byte(text+"\n"), 0o600); err != nil {
		s.Fatal(err)
	}
}
