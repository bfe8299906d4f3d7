package config

import (
	"regexp"
	"strconv"
	"strings"
)

// place is where in the file something stands: its line and column, both
// counted from 1, and the path of keys that leads to it.
type place struct {
	line, column int32
	path         *step // nil: the whole document
}

// step is one step of a path: a key of a mapping, or an element of a list.
type step struct {
	up    *step
	name  string // of a key
	index int    // of an element, where isKey is false
	isKey bool
}

// key is the same place for a key inside it, for what is said of a key that is
// not there.
func (p place) key(name string) place {
	p.path = &step{up: p.path, name: name, isKey: true}
	return p
}

// index is the same place for an element of the list there.
func (p place) index(i int) place {
	p.path = &step{up: p.path, index: i}
	return p
}

// plainKey are the keys that a path shows as they are; others are quoted, or a
// hostile key could make a message look like several.
var plainKey = regexp.MustCompile(`^[A-Za-z0-9_<][A-Za-z0-9_.<-]{0,63}$`)

// String returns the path as messages show it: "virtual_services[0].address".
func (s *step) String() string {
	var steps []*step
	for ; s != nil; s = s.up {
		steps = append(steps, s)
	}
	var b strings.Builder
	for i := len(steps) - 1; i >= 0; i-- {
		s := steps[i]
		switch {
		case !s.isKey:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
			continue
		case b.Len() > 0:
			b.WriteByte('.')
		}
		if plainKey.MatchString(s.name) {
			b.WriteString(s.name)
		} else {
			b.WriteString(quote(s.name))
		}
	}
	return b.String()
}

// maxQuoted is how many characters of the user's own text a message repeats.
const maxQuoted = 64

// quote quotes text of the file for a message, shortened.
func quote(text string) string {
	if runes := []rune(text[:min(len(text), 4*maxQuoted+4)]); len(runes) > maxQuoted {
		return strconv.Quote(string(runes[:maxQuoted]) + "…")
	}
	return strconv.Quote(text)
}
