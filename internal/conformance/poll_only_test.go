package conformance

import (
	"strings"
	"testing"
)

// A program that can only be polled is tried in all that does not need a watch.
func TestPollOnlyLeavesWatchesOut(t *testing.T) {
	left, tried := 0, make(map[string]bool)
	for _, c := range checks {
		if c.watches() {
			left++
			continue
		}
		tried[c.clause] = true
		for _, need := range append(c.needs, c.clause) {
			if strings.HasPrefix(need, "3.") {
				t.Errorf("%s (%s) is tried, and needs %s", c.clause, c.title, need)
			}
		}
	}
	if left == 0 || !tried["2.1"] || !tried["4.5"] || !tried["6.1"] {
		t.Errorf("%d are left out, %v are tried", left, tried)
	}
}
