//go:build kernel

package scenes

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Each configuration in examples/ runs, as far as that is possible without its
// servers: the daemon takes it, and is ready.
func TestTheExamplesRun(t *testing.T) {
	files, err := filepath.Glob("../../../examples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	s := newScene(t)
	s.secret("fleet.key", "the secret of the fleet")
	s.secret("heartbeats.key", "the secret of all heartbeats")
	s.secret("rack7.key", strings.Repeat("0a", 32))
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			s.T = t
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			// Its files are this scene's, not the machine's.
			moved := strings.ReplaceAll(string(text), "/etc/mainstay", s.dir)
			moved = strings.Replace("\n"+moved, "\ndirector:\n", "\ndirector:\n  control_socket: "+s.file("control.sock")+"\n  state_dir: "+s.file("state")+"\n", 1)
			if err := os.WriteFile(s.file("mainstay.yaml"), []byte(moved), 0o600); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(moved, "\nrelay:\n") {
				relay := s.director.Start(bin("mainstay"), "relay", "--config", s.file("mainstay.yaml"))
				relay.WaitFor(0, "relay started")
				relay.Stop()
				return
			}
			s.start()
			s.daemon.Stop()
			s.director.Run("ipvsadm", "-C")
		})
	}
}

// What `make demo` runs, runs.
func TestTheDemo(t *testing.T) {
	out, err := exec.Command(bin("demo")).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "All of it took") {
		t.Errorf("the demo ended early: %v\n%s", err, out)
	}
}
