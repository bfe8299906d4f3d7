// Package tests builds the C monitor and holds it against the protocols' vectors and specification. It has a folder of
// its own because Go takes C files beside Go files for its own.
package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/mainstay-lvs/mainstay/internal/conformance/language"
)

// build copies the sources to a folder of the test, and makes a target there.
func build(t *testing.T, args ...string) (folder string) {
	t.Helper()
	folder = t.TempDir()
	for _, name := range []string{"Makefile", "monitor.c", "monitor.h", "server.c", "vectors.c"} {
		text, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("make", args...)
	cmd.Dir = folder
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make %q: %v\n%s", args, err, said)
	}
	return folder
}

// The programs stop at the first wrong step in memory or arithmetic.
func TestC(t *testing.T) {
	folder := build(t, "sanitized")
	language.Test(t, language.Implementation{
		Server:  []string{filepath.Join(folder, "server-sanitized")},
		Vectors: []string{filepath.Join(folder, "vectors-sanitized")},
	})
}

// The server whose monitor has a thread of its own stops at the first race.
func TestCWithThreads(t *testing.T) {
	folder := build(t, "threads")
	language.Test(t, language.Implementation{
		Server:  []string{filepath.Join(folder, "server-threads")},
		Vectors: []string{filepath.Join(folder, "vectors")},
	})
}

// All is built without a warning as users build it.
func TestBuilds(t *testing.T) {
	build(t, "all")
}
