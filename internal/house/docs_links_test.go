package house

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`^#{1,6} (.+)$`)
	notSlug = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// Every relative link leads to a file, and its anchor to a heading there.
func TestLinksLeadSomewhere(t *testing.T) {
	for _, p := range pages(t) {
		_, prose := p.split()
		for i, line := range prose {
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				target, anchor, _ := strings.Cut(m[1], "#")
				if strings.Contains(target, "://") {
					continue
				}
				file := filepath.Join(root, p.name)
				if target != "" {
					file = filepath.Join(filepath.Dir(file), target)
				}
				if _, err := os.Stat(file); err != nil {
					t.Errorf("%s:%d: link %s: there is no such file", p.name, i+1, m[1])
				} else if anchor != "" && !anchors(readFile(t, file))[anchor] {
					t.Errorf("%s:%d: link %s: there is no such heading", p.name, i+1, m[1])
				}
			}
		}
	}
}

// anchors are the names of a page's headings, as those who show it make them.
func anchors(text string) map[string]bool {
	found := make(map[string]bool)
	_, prose := page{lines: strings.Split(text, "\n")}.split()
	for _, line := range prose {
		if m := heading.FindStringSubmatch(line); m != nil {
			found[strings.ReplaceAll(notSlug.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
		}
	}
	return found
}

// Who reads README.md finds every page of docs.
func TestReadmeNamesEveryPage(t *testing.T) {
	readme := strings.Join(onePage(t, "README.md").lines, "\n")
	for _, p := range pages(t) {
		if strings.HasPrefix(p.name, "docs/") && !strings.Contains(readme, "("+p.name+")") {
			t.Errorf("README.md has no link to %s", p.name)
		}
	}
}
