package house

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// The lines of protocol that docs/monitor.md shows are among the test vectors, byte for
// byte, so implementations are tested with what people read.
func TestMonitorLinesAreTestVectors(t *testing.T) {
	var vectors any
	if err := json.Unmarshal([]byte(readFile(t, "../wire/testdata/monitor1.json")), &vectors); err != nil {
		t.Fatal(err)
	}
	known := make(map[string]bool)
	gather(vectors, known)
	all, _ := onePage(t, "docs/monitor.md").split()
	shown := 0
	for _, b := range all {
		if b.kind != "text" {
			continue
		}
		for line := range strings.Lines(b.text) {
			shown++
			if line = strings.TrimSuffix(line, "\n"); !known[line] {
				t.Errorf("%s: this line is no test vector: %s", b, line)
			}
		}
	}
	if shown < 6 {
		t.Errorf("only %d lines are shown", shown)
	}
}

// gather collects every string of a JSON value.
func gather(v any, into map[string]bool) {
	switch v := v.(type) {
	case string:
		into[v] = true
	case []any:
		for _, e := range v {
			gather(e, into)
		}
	case map[string]any:
		for _, e := range v {
			gather(e, into)
		}
	}
}

// The answers of monitors that any page shows on a console are answers.
func TestMonitorAnswersInThePagesAreAnswers(t *testing.T) {
	for _, b := range blocks(t, "console") {
		for line := range strings.Lines(b.text) {
			line = strings.TrimSpace(line)
			if !strings.HasPrefix(line, "MONITOR/") {
				continue
			}
			if _, err := wire.ParseAnswer([]byte(line)); err != nil {
				t.Errorf("%s: %v: %s", b, err, line)
			}
		}
	}
}
