package vrrp

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var machineRewrite = flag.Bool("rewrite", false, "write what the scripts in testdata print back into them")

// TestMachineScripts runs the transcripts in testdata/machine: a command, ----, and what
// must be printed, up to an empty line. Commands are those of [machineWorld.run].
// Read the transcripts as the specification; after a change of behaviour,
// `go test ./vrrp -run TestMachineScripts -rewrite` writes them anew.
func TestMachineScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/machine/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in testdata/machine: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			script, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := machineRunScript(t, string(script))
			if *machineRewrite && !bytes.Equal(got, script) {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			} else if diff := cmp.Diff(string(script), string(got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// machineRunScript runs a script and returns it with the outputs that it had this time.
func machineRunScript(t *testing.T, script string) []byte {
	t.Helper()
	w := newMachineWorld(t)
	var out bytes.Buffer
	for step := range strings.SplitSeq(strings.TrimRight(script, "\n"), "\n\n") {
		if out.Len() > 0 {
			out.WriteString("\n")
		}
		input, _, isCommand := strings.Cut(step, "\n----")
		out.WriteString(input + "\n")
		if !isCommand {
			continue // a paragraph of comments
		}
		out.WriteString("----\n")
		for line := range strings.SplitSeq(input, "\n") {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
				w.run(machineWords(t, line))
			}
		}
		out.WriteString(w.printed())
	}
	return out.Bytes()
}

// machineWords splits a line at spaces; a word in double quotes may hold some.
func machineWords(t *testing.T, line string) []string {
	t.Helper()
	var words []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	if strings.Count(line, `"`)%2 == 1 {
		t.Fatalf("odd quotes: %s", line)
	}
	return words
}
