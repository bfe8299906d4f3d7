//go:build kernel

package scenes

import (
	"strings"
	"testing"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

func TestQuorumAndTheSorryServer(t *testing.T) {
	s := newScene(t, server1, server2, server3)
	s.config(demo([]string{server1, server2}, `
    quorum: 2
    sorry_server: `+server3+"\n"))
	s.start()
	s.wants(demoTable(server1, server2))

	s.programs[server2].Kill()
	s.wants(demoTable(server3))
	if got := s.call("whoami"); got != "rs3" {
		t.Errorf("with quorum lost %q answered", got)
	}
	if got := s.mainstay("status"); !strings.Contains(got, "sorry") {
		t.Errorf("status does not name the sorry server:\n%s", got)
	}
	s.serve(server2)
	s.wants(demoTable(server1, server2))
}

func TestFailOpen(t *testing.T) {
	s := newScene(t, server1, server2, server3)
	s.config(demo([]string{server1, server2, server3}, "    fail_open_below: 50%\n"))
	s.start()
	s.wants(demoTable(server1, server2, server3))

	s.programs[server1].Kill()
	s.wants(demoTable(server2, server3))
	// With two of three gone the checks are not believed: all are served again.
	s.programs[server2].Kill()
	s.wants(demoTable(server1, server2, server3))
	s.becomes(server1, "down", "fail open")
	s.serve(server1)
	s.serve(server2)
	s.becomes(server1, "up", "demo ok")
	s.becomes(server2, "up", "demo ok")
	s.wants(demoTable(server1, server2, server3))
}

func TestDrainWaitsForConnectionsAndOverridesOutliveARestart(t *testing.T) {
	s := newScene(t, server1, server2)
	s.config(demo([]string{server1, server2}, ""))
	s.start()
	s.wants(demoTable(server1, server2))
	held := s.hold(server1)

	s.mainstay("drain", "demo", server1)
	s.wants(demoTable(server1+" 0", server2))
	if got := s.answers(10); got["rs2"] != 10 {
		t.Errorf("while it drains, new connections went to %v", got)
	}
	held.Send("echo alive")
	held.WaitFor(0, "alive")

	// The daemon is killed in the middle: the drain goes on.
	s.daemon.Kill()
	s.start()
	s.wants(demoTable(server1+" 0", server2))
	s.becomes(server1, "drain", "by the operator")
	held.CloseInput()
	s.wants(demoTable(server2))
	s.becomes(server1, "drain", "")

	s.mainstay("enable", "demo", server1)
	s.wants(demoTable(server1, server2))
	s.mainstay("maint", "demo", "192.0.2.21")
	s.wants(demoTable(server2))
	s.mainstay("weight", "demo", server2, "7")
	s.wants(demoTable(server2 + " 7"))
	s.daemon.Stop()
	s.start()
	s.becomes(server1, "maint", "by the operator")
	s.wants(demoTable(server2 + " 7"))
	s.mainstay("weight", "demo", server2, "auto")
	s.mainstay("enable", "demo", server1)
	s.wants(demoTable(server1, server2))

	said := s.mainstay("explain", "demo", server1)
	for _, want := range []string{"drain", "maint", "by the operator"} {
		if !strings.Contains(said, want) {
			t.Errorf("explain does not tell of %q:\n%s", want, said)
		}
	}
	if said := s.fails(1, "drain", "demo", "192.0.2.99:1", "--socket", s.file("control.sock")); !strings.Contains(said, "192.0.2.99:1") || !strings.Contains(said, server1) {
		t.Errorf("an unknown server: %s", said)
	}
}

func TestDrainTimeout(t *testing.T) {
	s := newScene(t, server1, server2)
	s.config(demo([]string{server1, server2}, "    drain_timeout: 2s\n"))
	s.start()
	s.wants(demoTable(server1, server2))
	s.hold(server1)
	s.mainstay("drain", "demo", server1)
	s.wants(demoTable(server2))
	s.becomes(server1, "drain", "out after its drain_timeout of 2s")
}

func TestQuiesceAndSlowStart(t *testing.T) {
	s := newScene(t, server1, server2)
	s.config(demo([]string{"{address: " + server1 + ", weight: 100}", server2}, "    on_failure: quiesce\n    slow_start: 3s\n"))
	s.start()
	s.wants(demoTable(server1+" 100", server2))
	s.programs[server1].Kill()
	s.wants(demoTable(server1+" 0", server2))
	s.serve(server1)
	lab.Eventually(s, "the weight ramps up", func() (bool, string) {
		got := s.table()
		return got != demoTable(server1+" 0", server2) && got != demoTable(server1+" 100", server2), got
	})
	s.wants(demoTable(server1+" 100", server2))
}

// Nothing is written while a daemon observes.
func TestObserve(t *testing.T) {
	s := newScene(t, server1)
	s.config(demo([]string{server1}, ""))
	s.start("--observe")
	s.daemon.WaitFor(0, "ipvsadm -a -t "+virtual+" -r "+server1+" -m -w 1")
	s.wants("")
	if out := s.director.Run("sh", "-c", "ls "+s.file("state")+" 2>/dev/null || true"); out != "" {
		t.Errorf("it wrote state: %s", out)
	}
	s.becomes(server1, "up", "demo ok")
	// Asked what would change, it speaks of the kernel's table, not of the one it imagines.
	said := s.fails(2, "plan", "--config", s.file("mainstay.yaml"), "--socket", s.file("control.sock"))
	if !strings.Contains(said, "-r "+server1+" -m -w 1") {
		t.Errorf("plan says\n%s", said)
	}
	s.daemon.Stop()
}

func TestPlanAndProbe(t *testing.T) {
	s := newScene(t, server1, server2)
	s.config(demo([]string{server1, server2}, ""))
	plan := []string{"plan", "--config", s.file("mainstay.yaml"), "--socket", s.file("control.sock")}
	said := s.fails(2, plan...)
	for _, want := range []string{"-A -t " + virtual + " -s rr", "-r " + server2 + " -m -w 1", "no daemon"} {
		if !strings.Contains(said, want) {
			t.Errorf("plan without a daemon does not say %q:\n%s", want, said)
		}
	}
	s.wants("")
	s.start()
	s.wants(demoTable(server1, server2))
	s.director.Run(bin("mainstay"), plan...) // exit 0: nothing to do

	s.programs[server2].Kill()
	s.wants(demoTable(server1))
	s.config(demo([]string{"{address: " + server1 + ", weight: 3}", server2}, ""))
	said = s.fails(2, plan...)
	if !strings.Contains(said, "-r "+server1+" -m -w 3") || strings.Contains(said, server2) {
		t.Errorf("plan with a daemon that knows server2 is down:\n%s", said)
	}
	s.wants(demoTable(server1))

	said = s.fails(2, "probe", "demo", "--config", s.file("mainstay.yaml"))
	for _, want := range []string{"MONITOR/1 poll", "MONITOR/1 up", "connection refused"} {
		if !strings.Contains(said, want) {
			t.Errorf("probe does not show %q:\n%s", want, said)
		}
	}
	s.director.Run(bin("mainstay"), "probe", "demo", server1, "--config", s.file("mainstay.yaml"))
}
