package control

import (
	"fmt"
	"strings"
)

// Text returns the plan as a diff: + adds, ~ edits and - deletes, each in the
// words of ipvsadm. All else is on lines that begin with #.
func (p Plan) Text() string {
	var b strings.Builder
	for _, n := range p.Notes {
		fmt.Fprintf(&b, "# %s\n", Plain(n))
	}
	for _, c := range p.Changes {
		fmt.Fprintf(&b, "%c %s\n", mark(c), Plain(c))
	}
	for _, f := range p.Foreign {
		fmt.Fprintf(&b, "# not Mainstay's, stays as it is: %s\n", Plain(f))
	}
	switch len(p.Changes) {
	case 0:
		b.WriteString("# no changes: the kernel holds what the file wants\n")
	default:
		fmt.Fprintf(&b, "# %s\n", count(len(p.Changes), "change"))
	}
	return b.String()
}

// mark finds what a change does by its first option.
func mark(change string) rune {
	option, _, _ := strings.Cut(strings.TrimPrefix(change, "ipvsadm "), " ")
	switch option {
	case "-A", "-a":
		return '+'
	case "-E", "-e":
		return '~'
	case "-D", "-d":
		return '-'
	}
	return '*'
}
