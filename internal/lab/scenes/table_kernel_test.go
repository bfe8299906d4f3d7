//go:build kernel

package scenes

import (
	"strings"
	"syscall"
	"testing"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

func TestATableWipedByHandIsRepairedByTheAudit(t *testing.T) {
	s := newScene(t, server1, server2)
	s.config(demo([]string{server1, server2}, ""))
	s.start()
	s.wants(demoTable(server1, server2))

	s.director.Run("ipvsadm", "-C")
	s.wants(demoTable(server1, server2))
	s.daemon.WaitFor(0, "changed by another program")

	s.director.Run("ipvsadm", "-e", "-t", virtual, "-r", server1, "-m", "-w", "9")
	s.director.Run("ipvsadm", "-d", "-t", virtual, "-r", server2)
	s.wants(demoTable(server1, server2))
}

func TestAForeignServiceIsLeftAlone(t *testing.T) {
	const foreign = "-A -t 203.0.113.1:80 -s rr\n-a -t 203.0.113.1:80 -r 203.0.113.2:80 -m -w 1\n"
	s := newScene(t, server1)
	s.config(demo([]string{server1}, ""))
	for line := range strings.Lines(foreign) {
		s.director.Run("ipvsadm", strings.Fields(line)...)
	}
	s.start()
	s.wants(demoTable(server1) + foreign)
	if got := s.mainstay("plan", "--config", s.file("mainstay.yaml")); !strings.Contains(got, "203.0.113.1:80/tcp") {
		t.Errorf("plan does not show the foreign service:\n%s", got)
	}
	s.daemon.Stop()
	s.wants(demoTable(server1) + foreign)
}

// A service of the file that another program left in the kernel is adopted: edited in
// place, never taken away. What is no longer in the file drains.
func TestAServiceOfAnotherProgramIsAdopted(t *testing.T) {
	s := newScene(t, server1, server2, server3)
	for _, rule := range []string{"-A -t " + virtual + " -s lc", "-a -t " + virtual + " -r " + server1 + " -m -w 3", "-a -t " + virtual + " -r " + server3 + " -m -w 1"} {
		s.director.Run("ipvsadm", strings.Fields(rule)...)
	}
	held := s.hold(server3)
	s.config(demo([]string{server1, server2}, ""))
	s.start()
	s.wants(demoTable(server1, server2, server3+" 0"))
	held.Send("echo still here")
	held.WaitFor(0, "still here")
	held.CloseInput()
	s.wants(demoTable(server1, server2))
	for _, change := range s.changes(0) {
		if strings.HasPrefix(change, "-A") || strings.HasPrefix(change, "-D") {
			t.Errorf("the service was not edited in place: %s", change)
		}
	}
}

// changes are what the daemon did to the kernel's table, from a mark in its log on.
func (s *scene) changes(from int) []string {
	var out []string
	for line := range strings.Lines(s.daemon.Output()[from:]) {
		if _, change, found := strings.Cut(line, `msg="ipvsadm `); found {
			out = append(out, strings.SplitN(change, `"`, 2)[0])
		}
	}
	return out
}

// The daemon is killed and started again while a client connects each 20 ms: the
// kernel goes on, and the new daemon changes nothing.
func TestACrashAndARestartAreNotNoticed(t *testing.T) {
	s := newScene(t, server1, server2)
	s.config(demo([]string{server1, "{address: " + server2 + ", weight: 5}"}, ""))
	s.start()
	s.wants(demoTable(server1, server2+" 5"))
	client := s.client.Start(bin("realserver"), "-call", virtual, "-count", "0", "-every", "20ms", "whoami")
	client.WaitFor(0, "rs1")

	s.daemon.Kill()
	mark := client.Mark()
	client.WaitFor(mark, `(?s)rs1.*rs2.*rs1`)
	s.start()
	if changes := s.changes(0); len(changes) != 0 {
		t.Errorf("the restart changed the table: %v", changes)
	}
	mark = client.Mark()
	client.WaitFor(mark, `(?s)rs1.*rs2.*rs1`)
	client.Signal(syscall.SIGINT)
	_ = client.Wait()
	if out := client.Output(); strings.Contains(out, "realserver:") {
		t.Errorf("the client was refused:\n%s", out)
	}
	s.wants(demoTable(server1, server2+" 5"))

	// The new daemon does its work.
	s.programs[server1].Kill()
	s.wants(demoTable(server2 + " 5"))
}

// A server that died while the daemon was down leaves when its checks say so.
func TestAServerThatDiedWhileTheDaemonWasDown(t *testing.T) {
	s := newScene(t, server1, server2)
	s.config(demo([]string{server1, server2}, ""))
	s.start()
	s.wants(demoTable(server1, server2))
	s.daemon.Kill()
	s.programs[server2].Kill()
	s.start()
	s.wants(demoTable(server1))
}

func TestAServiceTakenOutOfTheFileWhileTheDaemonWasDown(t *testing.T) {
	s := newScene(t, server1)
	both := demo([]string{server1}, "") + `
  - name: second
    address: 198.51.100.100:7001/tcp
    forward: nat
    checks: [tcp]
    real_servers: [` + server1 + "]\n"
	s.config(both)
	s.start()
	s.wants(demoTable(server1) + "-A -t 198.51.100.100:7001 -s wlc\n-a -t 198.51.100.100:7001 -r " + server1 + " -m -w 1\n")
	s.daemon.Kill()
	s.config(demo([]string{server1}, ""))
	s.start()
	s.wants(demoTable(server1))
}

func TestOnStop(t *testing.T) {
	for _, c := range []struct{ value, want string }{
		{"keep", demoTable(server1)},
		{"clear", ""},
	} {
		t.Run(c.value, func(t *testing.T) {
			s := newScene(t, server1)
			s.config("  on_stop: " + c.value + "\n" + demo([]string{server1}, ""))
			s.start()
			s.wants(demoTable(server1))
			s.daemon.Stop()
			s.wants(c.want)
		})
	}
}

// What was cleared is no longer ours: somebody else may have it.
func TestWhatWasClearedIsNoLongerOurs(t *testing.T) {
	s := newScene(t, server1)
	s.config("  on_stop: clear\n" + demo([]string{server1}, ""))
	s.start()
	s.wants(demoTable(server1))
	s.daemon.Stop()
	s.wants("")
	s.director.Run("ipvsadm", "-A", "-t", virtual, "-s", "lc")
	s.config("")
	s.start()
	s.daemon.Stop()
	s.wants("-A -t " + virtual + " -s lc\n")
}

func TestReload(t *testing.T) {
	s := newScene(t, server1, server2)
	s.config(demo([]string{server1, server2}, ""))
	s.start()
	s.wants(demoTable(server1, server2))
	held := s.hold(server1)

	// A wrong file is refused, its mistakes named, and nothing changes.
	s.config(strings.Replace(demo([]string{server1, server2}, ""), "scheduler: rr", "schedular: wlc", 1))
	if said := s.fails(1, "reload", "--socket", s.file("control.sock")); !strings.Contains(said, "schedular: unknown key (did you mean scheduler?)") {
		t.Errorf("reload said %s", said)
	}
	s.wants(demoTable(server1, server2))
	if got := s.mainstay("status"); !strings.Contains(got, "schedular") {
		t.Errorf("status does not show that the reload was refused:\n%s", got)
	}

	// Another scheduler, in place: the open connection lives on.
	s.config(strings.Replace(demo([]string{server1, server2}, ""), "scheduler: rr", "scheduler: wlc", 1))
	s.mainstay("reload")
	s.wants(tableOf("wlc", server1, server2))
	held.Send("echo still here")
	held.WaitFor(0, "still here")

	// SIGHUP does the same. A server taken out drains, and then is gone.
	s.config(demo([]string{server2}, ""))
	s.daemon.Signal(syscall.SIGHUP)
	s.wants(demoTable(server1+" 0", server2))
	held.Send("echo and still")
	held.WaitFor(0, "and still")
	held.CloseInput()
	s.wants(demoTable(server2))
}

// A reload that adds a service with a scheduler that the kernel lacks does the rest,
// and status says what is missing.
func TestAChangeThatTheKernelRefuses(t *testing.T) {
	s := newScene(t, server1)
	s.config(demo([]string{server1}, "") + `
  - name: overflow
    address: 198.51.100.100:7001/tcp
    scheduler: ovf
    forward: nat
    checks: [tcp]
    real_servers: [` + server1 + "]\n")
	s.start()
	s.wants(demoTable(server1))
	lab.Eventually(s, "status names the refused change", func() (bool, string) {
		got := s.mainstay("status")
		return strings.Contains(got, "the kernel has no scheduler ovf: modprobe ip_vs_ovf"), got
	})
	s.director.Run("modprobe", "-d", "/mnt", "ip_vs_ovf")
	t.Cleanup(func() { s.director.Run("modprobe", "-r", "-d", "/mnt", "ip_vs_ovf") })
	s.wants(demoTable(server1) + "-A -t 198.51.100.100:7001 -s ovf\n-a -t 198.51.100.100:7001 -r " + server1 + " -m -w 1\n")
	lab.Eventually(s, "status is at peace again", func() (bool, string) {
		got := s.mainstay("status")
		return !strings.Contains(got, "ovf: modprobe"), got
	})
	s.daemon.Stop()
	s.director.Run("ipvsadm", "-C")
}
