package house

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/mainstay-lvs/mainstay/internal/config"
)

// documented is a key as docs/configuration.md has it.
type documented struct{ kind, standard, meaning string }

// The page of the configuration has every key, with its type and its default, and no
// other. The paths of a table's keys begin with each path that the heading above it
// names.
func TestEveryKeyIsDocumented(t *testing.T) {
	keys := documentedKeys(t)
	for _, k := range config.Reference() {
		d, found := keys[k.Path]
		delete(keys, k.Path)
		standard := k.Default
		switch {
		case k.Required:
			standard = "required"
		case standard == "":
			standard = "–"
		}
		switch {
		case !found:
			t.Errorf("%s is missing (%s, default %s: %s)", k.Path, k.Type, standard, k.Meaning)
		case d.kind != k.Type:
			t.Errorf("%s: its type is %q, and documented as %q", k.Path, k.Type, d.kind)
		case d.standard != standard:
			t.Errorf("%s: its default is %q, and documented as %q", k.Path, standard, d.standard)
		case d.meaning == "":
			t.Errorf("%s: what it does is missing", k.Path)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(keys)) {
		t.Errorf("%s is documented, and there is no such key", path)
	}
}

func documentedKeys(t *testing.T) map[string]documented {
	t.Helper()
	keys := make(map[string]documented)
	_, prose := onePage(t, "docs/configuration.md").split()
	prefixes, table := []string{""}, false
	for i, line := range prose {
		row := cells(line)
		switch {
		case heading.MatchString(line):
			prefixes = nil
			for _, path := range spans(line) {
				prefixes = append(prefixes, path+".")
			}
			if prefixes == nil {
				prefixes = []string{""}
			}
		case row == nil:
			table = false
		case slices.Equal(row, []string{"key", "type", "default", "what it does"}):
			table = true
		case table && len(row) == 4 && strings.HasPrefix(row[0], "`"):
			for _, prefix := range prefixes {
				path := prefix + strings.Trim(row[0], "`")
				if _, twice := keys[path]; twice {
					t.Errorf("docs/configuration.md:%d: %s is documented twice", i+1, path)
				}
				keys[path] = documented{row[1], strings.Trim(row[2], "`"), row[3]}
			}
		}
	}
	return keys
}
