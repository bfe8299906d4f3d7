package control

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// folder returns a new folder with a path that is short enough for sockets in it.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "control")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	// Other users may pass, so that only what a test forbids is forbidden.
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// socketIn returns the path of a control socket that is not there yet.
func socketIn(t *testing.T) string {
	t.Helper()
	return filepath.Join(folder(t), "control.sock")
}
