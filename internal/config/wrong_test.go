package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Each file of testdata/wrong has one mistake, and says at its head, line by
// line, which errors and warnings it gives; "m.yaml" stands for its name. The
// line "# The daemon runs as root." makes it so.
func TestWrongFiles(t *testing.T) {
	for _, path := range wrongFiles(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			want, got := checkWrong(t, path)
			if len(want) == 0 {
				t.Error("the file says at its head nothing that is wrong with it")
			}
			if !slices.Equal(want, got) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

func wrongFiles(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/wrong/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files in testdata/wrong: %v", err)
	}
	return paths
}

// checkWrong parses a file and returns the lines that stand at its head, and
// those that should.
func checkWrong(t *testing.T, path string) (want, got []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	host := newHost()
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "# The daemon runs as root.":
			host.uid = 0
		case strings.HasPrefix(line, "# error: "), strings.HasPrefix(line, "# warning: "):
			want = append(want, line)
		}
	}
	c, problems := Parse("m.yaml", text, host)
	if (c == nil) != (len(problems.Errors) > 0) {
		t.Errorf("a Config and errors, or neither: %v", problems.Errors)
	}
	for _, p := range problems.Errors {
		got = append(got, "# error: "+p.String())
	}
	for _, p := range problems.Warnings {
		got = append(got, "# warning: "+p.String())
	}
	return want, got
}
