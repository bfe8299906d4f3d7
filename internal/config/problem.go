package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a file, or odd about it.
type Problem struct {
	File   string // as it was named when it was read
	Line   int    // counted from 1; 0: the file as a whole
	Column int    // in characters, counted from 1; 0: the line as a whole
	Path   string // the keys that lead there, "virtual_services[0].address"; empty: the file as a whole
	Text   string // what is wrong, and in brackets what is wanted
}

// String returns "file:line:column: path: what is wrong (what is wanted)",
// without the parts that are not known.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	if p.Column > 0 {
		fmt.Fprintf(&b, ":%d", p.Column)
	}
	b.WriteString(": ")
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Text)
	return b.String()
}

// Problems are what reading a file found, in the file's order.
type Problems struct {
	Errors   []Problem // any: there is no Config
	Warnings []Problem
}

// Err returns nil where there are no errors, otherwise one error whose text has
// a line for each.
func (p Problems) Err() error {
	if len(p.Errors) == 0 {
		return nil
	}
	lines := make([]string, len(p.Errors))
	for i, e := range p.Errors {
		lines[i] = e.String()
	}
	return errors.New(strings.Join(lines, "\n"))
}

// maxProblems bounds the errors, and the warnings, that are kept of one file:
// nobody reads more, and a file of megabytes may have that many.
const maxProblems = 1000

// reporter gathers the problems of one file.
type reporter struct {
	file             string
	errors, warnings gathered
}

// gathered are problems and what was said already. The same thing said of the
// same place once more (through an alias, or of a list that many servers share)
// is one problem.
type gathered struct {
	list []Problem
	said map[saying]struct{}
	more int // beyond maxProblems
}

type saying struct {
	line, column int32
	text         string
}

func (g *gathered) add(file string, at place, text string) {
	key := saying{at.line, at.column, text}
	if _, ok := g.said[key]; ok {
		return
	}
	if len(g.list) == maxProblems {
		g.more++
		return
	}
	if g.said == nil {
		g.said = map[saying]struct{}{}
	}
	g.said[key] = struct{}{}
	g.list = append(g.list, Problem{
		File: file, Line: int(at.line), Column: int(at.column), Path: at.path.String(), Text: text,
	})
}

// errorf reports what makes the file unusable.
func (r *reporter) errorf(at place, format string, args ...any) {
	r.errors.add(r.file, at, fmt.Sprintf(format, args...))
}

// warnf reports what is allowed and probably not meant.
func (r *reporter) warnf(at place, format string, args ...any) {
	r.warnings.add(r.file, at, fmt.Sprintf(format, args...))
}

// problems returns what was gathered, in the file's order.
func (r *reporter) problems() Problems {
	return Problems{Errors: r.errors.sorted(r.file), Warnings: r.warnings.sorted(r.file)}
}

func (g *gathered) sorted(file string) []Problem {
	slices.SortStableFunc(g.list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if g.more > 0 {
		return append(g.list, Problem{File: file, Text: fmt.Sprintf("and %d more", g.more)})
	}
	return g.list
}
