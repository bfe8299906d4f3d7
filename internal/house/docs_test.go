package house

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// page is a page of the documentation.
type page struct {
	name  string // below the module's folder
	lines []string
}

// block is a fenced block of a page.
type block struct {
	page string
	line int    // of its first line of text, counted from 1
	kind string // what stands behind the fence: "yaml", "yaml service"
	text string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.page, b.line) }

// pages are all pages of the repository.
func pages(t *testing.T) []page {
	t.Helper()
	var all []page
	for _, file := range find(t, root, ".md") {
		name, err := filepath.Rel(root, file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page{name, strings.Split(readFile(t, file), "\n")})
	}
	if len(all) < 10 {
		t.Fatalf("only %d pages found", len(all))
	}
	return all
}

// onePage is the page of that name.
func onePage(t *testing.T, name string) page {
	t.Helper()
	for _, p := range pages(t) {
		if p.name == name {
			return p
		}
	}
	t.Fatalf("there is no page %s", name)
	return page{}
}

var fence = regexp.MustCompile("^( *)```([^`]*)$")

// split separates a page's fenced blocks from its prose, whose lines keep their places.
func (p page) split() (blocks []block, prose []string) {
	prose = make([]string, len(p.lines))
	var open *block
	indent := ""
	for i, line := range p.lines {
		mark := fence.FindStringSubmatch(line)
		switch {
		case mark != nil && open == nil:
			indent = mark[1]
			open = &block{page: p.name, line: i + 2, kind: strings.TrimSpace(mark[2])}
		case mark != nil:
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.text += strings.TrimPrefix(line, indent) + "\n"
		default:
			prose[i] = line
		}
	}
	return blocks, prose
}

// blocks are the fenced blocks of all pages whose kind begins with a word.
func blocks(t *testing.T, word string) []block {
	t.Helper()
	var found []block
	for _, p := range pages(t) {
		all, _ := p.split()
		for _, b := range all {
			if first, _, _ := strings.Cut(b.kind, " "); first == word {
				found = append(found, b)
			}
		}
	}
	if len(found) == 0 {
		t.Fatalf("no page has a block of %s", word)
	}
	return found
}

var codeSpan = regexp.MustCompile("`([^`]+)`")

// spans are the code spans of a line of prose.
func spans(line string) []string {
	var found []string
	for _, m := range codeSpan.FindAllStringSubmatch(line, -1) {
		found = append(found, m[1])
	}
	return found
}

// cells are the cells of a table's row; nil for a line that is none. A \| within a
// cell is a |.
func cells(line string) []string {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "|") || !strings.HasSuffix(line, "|") {
		return nil
	}
	const bar = "\x00"
	parts := strings.Split(strings.Trim(strings.ReplaceAll(line, `\|`, bar), "|"), "|")
	for i := range parts {
		parts[i] = strings.ReplaceAll(strings.TrimSpace(parts[i]), bar, "|")
	}
	return parts
}
