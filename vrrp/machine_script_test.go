package vrrp

import (
	"testing"

	"github.com/mainstay-lvs/mainstay/internal/lab/script"
)

// TestMachineScripts runs the transcripts in testdata/machine: commands, a line each, ----,
// and what must be printed, up to an empty line. Commands are those of [machineWorld.run].
// Read the transcripts as the specification; after a change of behaviour,
// `go test ./vrrp -run TestMachineScripts -rewrite` writes them anew.
func TestMachineScripts(t *testing.T) {
	script.Test(t, "testdata/machine/*.txt", func(t *testing.T) func(lines []string) string {
		w := newMachineWorld(t)
		return func(lines []string) string {
			for _, line := range lines {
				w.run(script.Words(t, line))
			}
			return w.printed()
		}
	})
}
