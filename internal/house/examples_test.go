package house

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every configuration file among the examples is right, and says nothing that is
// probably not meant.
func TestExamplesAreRight(t *testing.T) {
	files := find(t, "../../examples", ".yaml")
	if len(files) < 3 {
		t.Fatalf("only these examples: %v", files)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		_, problems := parseConfig(t, name, string(text))
		for _, p := range append(problems.Errors, problems.Warnings...) {
			t.Error(p)
		}
	}
}

// find lists the files below a folder whose names end so, hidden folders, what was
// built and test data left out.
func find(t *testing.T, dir, ending string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch name := entry.Name(); {
		case err != nil:
			return err
		case entry.IsDir() && path != dir && (strings.HasPrefix(name, ".") || name == "bin" || name == "testdata"):
			return filepath.SkipDir
		case !entry.IsDir() && strings.HasSuffix(name, ending):
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
