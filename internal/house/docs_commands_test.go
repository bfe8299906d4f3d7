package house

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every command line that the pages and the unit show can be given: the command exists,
// its flags do, and its arguments are as many as it wants.
func TestCommandLinesExist(t *testing.T) {
	m := buildMainstay(t)
	seen := make(map[string]bool)
	for _, p := range pages(t) {
		all, prose := p.split()
		for _, b := range all {
			for _, words := range commandLines(b) {
				seen[m.check(t, b.String(), words, true)] = true
			}
		}
		for _, line := range prose {
			for _, span := range spans(line) {
				if words := mainstayLine(span); words != nil {
					m.check(t, p.name+": `"+span+"`", words, false)
				}
			}
		}
	}
	for _, name := range units {
		unit := readFile(t, "../../systemd/"+name)
		for _, exec := range regexp.MustCompile(`(?m)^Exec\w+=(.*)$`).FindAllStringSubmatch(unit, -1) {
			m.check(t, name, mainstayLine(exec[1]), true)
		}
	}
	for name, c := range m.commands {
		if c != nil && c.group {
			continue // its commands are shown
		}
		if name != "help" && name != "completion" && name != "version" && !seen[name] {
			t.Errorf("no page shows how to use mainstay %s", name)
		}
	}
}

// Every target that the pages name is in the Makefile.
func TestTargetsExist(t *testing.T) {
	makefile := readFile(t, "../../Makefile")
	for _, p := range pages(t) {
		all, prose := p.split()
		var lines []string
		for _, b := range all {
			lines = append(lines, shellLines(b)...)
		}
		for _, line := range prose {
			lines = append(lines, spans(line)...)
		}
		for _, line := range lines {
			words := strings.Fields(line)
			if len(words) < 2 || words[0] != "make" {
				continue
			}
			if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(words[1]) + `:`).MatchString(makefile) {
				t.Errorf("%s: %s: the Makefile has no such target", p.name, line)
			}
		}
	}
}

// mainstay is what the built program says of its commands.
type mainstay struct {
	program  string
	commands map[string]*command // nil: not asked yet
}

// command is one of them: how many arguments it wants, and its flags, with whether
// each takes a value.
type command struct {
	least, most int
	flags       map[string]bool
	group       bool // it has commands of its own, whose names begin with its name and a space
}

var (
	listedCommand = regexp.MustCompile(`(?m)^  ([a-z]+(?:-[a-z]+)*) {2,}\S`)
	listedFlag    = regexp.MustCompile(`(?m)^ +(?:-\w, +)?--([a-z-]+)( \S+)? {2,}`)
	usageLine     = regexp.MustCompile(`(?m)^Usage:\s+mainstay [a-z-]+(?: [a-z]+)?(.*)$`)
)

func buildMainstay(t *testing.T) *mainstay {
	t.Helper()
	// `go test` remembers a result until a file that the test read has changed.
	for _, source := range find(t, root+"/cmd", ".go") {
		readFile(t, source)
	}
	m := &mainstay{program: filepath.Join(t.TempDir(), "mainstay"), commands: make(map[string]*command)}
	build := exec.Command("go", "build", "-o", m.program, "./cmd/mainstay")
	build.Dir = root
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build mainstay: %v\n%s", err, said)
	}
	for _, c := range listedCommand.FindAllStringSubmatch(m.help(t), -1) {
		m.commands[c[1]] = nil
	}
	if len(m.commands) < 10 {
		t.Fatalf("the help lists only the commands %v", m.commands)
	}
	return m
}

func (m *mainstay) help(t *testing.T, name ...string) string {
	t.Helper()
	text, err := exec.Command(m.program, append([]string{"help"}, name...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("mainstay help %v: %v\n%s", name, err, text)
	}
	return string(text)
}

// command asks for the help of a command, once; nil where there is none of that name.
func (m *mainstay) command(t *testing.T, name string) *command {
	t.Helper()
	c, listed := m.commands[name]
	if !listed || c != nil {
		return c
	}
	text := m.help(t, strings.Fields(name)...)
	c = &command{flags: make(map[string]bool)}
	_, below, group := strings.Cut(text, "\nCommands:\n")
	c.group = group
	for _, sub := range listedCommand.FindAllStringSubmatch(below, -1) {
		m.commands[name+" "+sub[1]] = nil
	}
	for _, f := range listedFlag.FindAllStringSubmatch(text, -1) {
		c.flags[f[1]] = f[2] != ""
	}
	usage := usageLine.FindStringSubmatch(text)
	if usage == nil {
		t.Fatalf("the help of mainstay %s has no usage:\n%s", name, text)
	}
	for _, word := range strings.Fields(strings.TrimSuffix(usage[1], "[flags]")) {
		c.most++
		if !strings.HasPrefix(word, "[") {
			c.least++
		}
	}
	m.commands[name] = c
	return c
}

// check holds one command line against the help, and returns the command's name. One in a
// sentence may be named without its arguments.
func (m *mainstay) check(t *testing.T, where string, words []string, whole bool) string {
	t.Helper()
	name, words := words[0], words[1:]
	c := m.command(t, name)
	if c != nil && c.group && len(words) > 0 {
		name, words = name+" "+words[0], words[1:]
		c = m.command(t, name)
	}
	if c == nil {
		t.Errorf("%s: there is no command mainstay %s", where, name)
		return name
	}
	arguments := 0
	for i := 0; i < len(words); i++ {
		flag, isFlag := strings.CutPrefix(words[i], "--")
		if !isFlag {
			arguments++
			continue
		}
		flag, _, joined := strings.Cut(flag, "=")
		takesValue, known := c.flags[flag]
		if !known {
			t.Errorf("%s: mainstay %s has no flag --%s", where, name, flag)
		}
		if takesValue && !joined {
			i++
		}
	}
	if (whole || arguments > 0) && (arguments < c.least || arguments > c.most) {
		t.Errorf("%s: mainstay %s %s: %d arguments, want %d to %d", where, name, strings.Join(words, " "), arguments, c.least, c.most)
	}
	return name
}

// shellLines are the command lines of a block of a shell, those that go on joined.
func shellLines(b block) []string {
	var lines []string
	for line := range strings.Lines(strings.ReplaceAll(b.text, "\\\n", " ")) {
		line = strings.TrimSpace(line)
		switch b.kind {
		case "sh":
			lines = append(lines, line)
		case "console":
			if line, ok := strings.CutPrefix(line, "$ "); ok {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

var between = regexp.MustCompile(`\||&&|;`)

// commandLines are the words behind each mainstay of a block of a shell.
func commandLines(b block) [][]string {
	var found [][]string
	for _, line := range shellLines(b) {
		line, _, _ = strings.Cut(line, " #")
		line, _, _ = strings.Cut(line, " >")
		for _, part := range between.Split(line, -1) {
			if words := mainstayLine(part); words != nil {
				found = append(found, words)
			}
		}
	}
	return found
}

// mainstayLine returns the words behind mainstay, where that is what a line runs.
func mainstayLine(line string) []string {
	words := strings.Fields(line)
	if len(words) > 0 && words[0] == "sudo" {
		words = words[1:]
	}
	if len(words) < 2 || !slices.Contains([]string{"mainstay", program, "bin/mainstay"}, words[0]) {
		return nil
	}
	return words[1:]
}
