// Package script runs transcripts as tests: files that read as the specification, and
// that a test can write anew.
//
// A transcript is steps with an empty line between them. A step is one or more lines of
// a command, ----, and what came of it. A step without ---- is a paragraph of comments, and so
// is a line that begins with #.
package script

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var rewrite = flag.Bool("rewrite", false, "write what the scripts print back into them")

// Test runs each file that a pattern names as a test of its own. Begin makes the world of
// one file: a function that carries out the lines of a step and returns what is to be
// printed. With the flag -rewrite the files are written anew instead of compared.
func Test(t *testing.T, pattern string, begin func(t *testing.T) func(lines []string) string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in %s: %v", pattern, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := run(string(text), begin(t))
			if *rewrite && !bytes.Equal(got, text) {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			} else if diff := cmp.Diff(string(text), string(got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// run runs a script and returns it with the outputs that it had this time.
func run(text string, step func(lines []string) string) []byte {
	var out bytes.Buffer
	for paragraph := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n\n") {
		if out.Len() > 0 {
			out.WriteString("\n")
		}
		input, _, isCommand := strings.Cut(paragraph, "\n----")
		out.WriteString(input + "\n")
		if !isCommand {
			continue
		}
		var lines []string
		for line := range strings.SplitSeq(input, "\n") {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
				lines = append(lines, line)
			}
		}
		out.WriteString("----\n" + step(lines))
	}
	return out.Bytes()
}

// Words splits a line at spaces; a word in double quotes may hold some.
func Words(t *testing.T, line string) []string {
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
