package decide

import (
	"testing"

	"github.com/mainstay-lvs/mainstay/internal/lab/script"
)

// TestScripts runs the transcripts in testdata: a command and its lines, ----, and
// what must be printed, up to an empty line. Commands are those of [world.run].
// Read the transcripts as the specification; after a change of behaviour,
// `go test ./internal/decide -run TestScripts -rewrite` writes them anew.
func TestScripts(t *testing.T) {
	script.Test(t, "testdata/*.txt", func(t *testing.T) func(lines []string) string {
		w := newWorld(t)
		return func(lines []string) string { return w.run(script.Words(t, lines[0]), lines[1:]) }
	})
}
