package house

import (
	"strings"
	"testing"

	"github.com/mainstay-lvs/mainstay/checker/heartbeat"
)

// The page on heartbeats has every reason to drop one, by the name that status shows, and
// no other.
func TestEveryReasonToDropAHeartbeatIsDocumented(t *testing.T) {
	documented := make(map[string]bool)
	for _, row := range table(t, "docs/heartbeats.md", "reason", "means", "look at") {
		name := strings.Trim(row[0], "`")
		if documented[name] {
			t.Errorf("%s is documented twice", name)
		}
		documented[name] = true
	}
	known := 0
	for v := heartbeat.Verdict(0); v.String() != "?"; v++ {
		if !v.Dropped() {
			continue
		}
		known++
		if !documented[v.String()] {
			t.Errorf("%s is missing", v)
		}
	}
	if known != len(documented) {
		t.Errorf("%d reasons are documented, and there are %d", len(documented), known)
	}
}
