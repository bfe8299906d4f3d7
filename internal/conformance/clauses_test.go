package conformance

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// clause is the beginning of a clause of the specification.
var clause = regexp.MustCompile(`(?m)^\*\*([0-9]+\.[0-9]+)\*\* (Both|Program|Director|Sender|Relay): `)

// Each clause that is named stands in the specification, and each that binds programs is tried, or is listed with the
// reason why not; none is both.
func TestClauses(t *testing.T) {
	page, err := os.ReadFile("../../docs/monitor-protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	binds := make(map[string]string)
	for _, c := range clause.FindAllStringSubmatch(string(page), -1) {
		binds[c[1]] = c[2]
	}
	if len(binds) < 50 {
		t.Fatalf("the specification has only the clauses %v", binds)
	}
	unseen := Unseen()
	for _, c := range Clauses() {
		if who := binds[c]; who == "" || who == "Director" || who == "Relay" {
			t.Errorf("%s is tried, and is no clause of programs: %q", c, who)
		}
		if why, both := unseen[c]; both {
			t.Errorf("%s is tried, and is listed as not tried: %s", c, why)
		}
	}
	for c := range unseen {
		if binds[c] == "" {
			t.Errorf("%s is listed as not tried, and is no clause", c)
		}
	}
	for c, who := range binds {
		if who == "Director" || who == "Relay" || slices.Contains(Clauses(), c) || unseen[c] != "" {
			continue
		}
		t.Errorf("%s binds %s, is not tried, and is not listed with the reason", c, who)
	}
}

// What a check needs was tried before it.
func TestNeedsComeFirst(t *testing.T) {
	seen := make(map[string]bool)
	for _, c := range checks {
		for _, need := range c.needs {
			if !seen[need] {
				t.Errorf("%s %s: it needs %s, which comes later", c.clause, c.title, need)
			}
		}
		seen[c.clause] = true
	}
}
