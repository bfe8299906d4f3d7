//go:build kernel

package scenes

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

// refuses starts a daemon that must not start, and returns what it said: one sentence,
// or a line for each mistake of a file. The kernel's table is not touched.
func (s *scene) refuses(prefix ...string) string {
	s.Helper()
	argv := append(prefix, bin("mainstay"), "run", "--config", s.file("mainstay.yaml"))
	out, err := s.director.Command(argv[0], argv[1:]...).CombinedOutput()
	if err == nil || !strings.Contains(err.Error(), "exit status 1") {
		s.Fatalf("%v, want exit status 1\n%s", err, out)
	}
	if table := s.table(); table != "" {
		s.Errorf("the table was touched:\n%s", table)
	}
	return string(out)
}

// unprivileged runs a program as nobody, with capabilities named.
func unprivileged(caps string) []string {
	argv := []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}
	if caps == "" {
		return append(argv, "--bounding-set=-all", "--inh-caps=-all")
	}
	return append(argv, "--inh-caps=-all,+"+caps, "--ambient-caps=-all,+"+caps)
}

func TestWhatKeepsADaemonFromStarting(t *testing.T) {
	s := newScene(t)
	// A folder of nobody's, and one that is not.
	s.dir = filepath.Join("/run", "scene")
	for _, dir := range []string{s.dir, s.file("state")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.RemoveAll(s.dir) })
	right := `
virtual_services:
  - name: demo
    address: ` + virtual + `/tcp
    forward: nat
    checks: [tcp]
    real_servers: [` + server1 + "]\n"

	t.Run("a wrong file: every mistake with its place", func(t *testing.T) {
		s.T = t
		s.config(strings.NewReplacer("forward: nat", "forward: masq", "[tcp]", "[tpc]").Replace(right))
		said := s.refuses()
		if strings.Count(said, "mainstay.yaml:") != 2 || !strings.Contains(said, "forward") || !strings.Contains(said, "tpc") {
			t.Errorf("it said:\n%s", said)
		}
	})
	s.T = t
	s.config(right)
	t.Run("no privilege", func(t *testing.T) {
		s.T = t
		if err := os.Chown(s.file("state"), 65534, 65534); err != nil {
			t.Fatal(err)
		}
		said := s.refuses(unprivileged("")...)
		if !strings.Contains(said, "no permission to read or write the IPVS table: run as root, or with CAP_NET_ADMIN") {
			t.Errorf("it said:\n%s", said)
		}
	})
	t.Run("the state folder is another's", func(t *testing.T) {
		s.T = t
		if err := os.Chown(s.file("state"), 0, 0); err != nil {
			t.Fatal(err)
		}
		said := s.refuses(unprivileged("net_admin")...)
		if !strings.Contains(said, "the state folder "+s.file("state")+" can't be written") {
			t.Errorf("it said:\n%s", said)
		}
	})
	t.Run("the control socket is in use", func(t *testing.T) {
		s.T = t
		l, err := net.Listen("unix", s.file("control.sock"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if said := s.refuses(); !strings.Contains(said, s.file("control.sock")) || !strings.Contains(said, "control_socket") {
			t.Errorf("it said:\n%s", said)
		}
	})
	t.Run("the state folder is in use", func(t *testing.T) {
		s.T = t
		s.config(right)
		s.start()
		defer s.daemon.Kill()
		out, err := s.director.Command(bin("mainstay"), "run", "--config", s.file("mainstay.yaml")).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "another mainstay uses it") {
			t.Errorf("it said:\n%s", out)
		}
	})
}

// With only the two capabilities of its unit, as another user than root, the daemon
// does all its work; and it runs commands without any.
func TestAsAUserWithTwoCapabilities(t *testing.T) {
	s := newScene(t, server1)
	s.dir = filepath.Join("/run", "scene")
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(s.dir) })
	s.config(strings.Replace(demo([]string{server1}, ""), "checks: [demo]", `checks: [demo, {command: [/bin/grep, -q, "CapEff:.0000000000000000", /proc/self/status]}, {command: [/bin/grep, -q, "NoNewPrivs:.1", /proc/self/status]}]`, 1))
	if err := os.Chown(s.dir, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(s.file("mainstay.yaml"), 0o644); err != nil {
		t.Fatal(err)
	}
	argv := append(unprivileged("net_admin,+net_raw"), bin("mainstay"), "run", "--config", s.file("mainstay.yaml"))
	s.daemon = s.director.Start(argv[0], argv[1:]...)
	s.daemon.WaitFor(0, "ready")
	s.wants(demoTable(server1))
	s.programs[server1].Kill()
	s.wants(demoTable())
	s.daemon.Stop()
}

// A damaged state file is set aside, and the service goes on: nothing is removed.
func TestADamagedStateFile(t *testing.T) {
	s := newScene(t, server1)
	s.config(demo([]string{server1}, ""))
	s.start()
	s.wants(demoTable(server1))
	s.daemon.Kill()
	for _, name := range []string{"owned.json", "overrides.json", "drains.json", "history.json"} {
		if err := os.WriteFile(filepath.Join(s.file("state"), name), []byte(`{"cut off`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.director.Run("ipvsadm", "-A", "-t", "198.51.100.100:81", "-s", "rr")
	s.start()
	s.wants("-A -t 198.51.100.100:81 -s rr\n" + demoTable(server1))
	lab.Eventually(t, "status tells of it", func() (bool, string) {
		got := s.mainstay("status")
		return strings.Contains(got, "overrides.json is damaged") && strings.Contains(got, "no record of what Mainstay put"), got
	})
	if _, err := os.Stat(filepath.Join(s.file("state"), "overrides.json.damaged")); err != nil {
		t.Error(err)
	}
}
