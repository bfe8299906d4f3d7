package decide

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var rewrite = flag.Bool("rewrite", false, "write what the scripts in testdata print back into them")

// TestScripts runs the transcripts in testdata: a command and its lines, ----, and
// what must be printed, up to an empty line. Commands are those of [world.run].
// Read the transcripts as the specification; after a change of behaviour,
// `go test ./internal/decide -run TestScripts -rewrite` writes them anew.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			script, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := runScript(t, string(script))
			if *rewrite && !bytes.Equal(got, script) {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			} else if diff := cmp.Diff(string(script), string(got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// runScript runs a script and returns it with the outputs that it had this time.
func runScript(t *testing.T, script string) []byte {
	t.Helper()
	w := newWorld(t)
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
		var lines []string
		for line := range strings.SplitSeq(input, "\n") {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
				lines = append(lines, line)
			}
		}
		out.WriteString("----\n" + w.run(words(t, lines[0]), lines[1:]))
	}
	return out.Bytes()
}

// words splits a line at spaces; a word in double quotes may hold some.
func words(t *testing.T, line string) []string {
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
