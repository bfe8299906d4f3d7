package config

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// notMessages are texts in the code that look like messages about a file.
var notMessages = []string{
	"is something else",                     // errNotThat: the codec says what was wanted
	"yaml: the YAML parser can't read this", // a panic of the library; none is known
	"print configuration: %w",               // about a File that a program made
}

// Every message that the package can give about a file is given by one of the
// files in testdata/wrong or by one of the cases of TestRefusedTexts and
// TestLoadRefuses.
func TestEveryMessageHasItsCase(t *testing.T) {
	var given []string
	for _, path := range wrongFiles(t) {
		_, got := checkWrong(t, path)
		given = append(given, got...)
	}
	for _, problems := range parseRefused() {
		given = append(given, problems.Err().Error())
	}
	for _, c := range refusedPaths(t) {
		_, problems := Load(c.path)
		given = append(given, problems.Err().Error())
	}
	all := strings.Join(given, "\n")
	for format, at := range messages(t) {
		if slices.Contains(notMessages, format) {
			continue
		}
		if !formatPattern(format).MatchString(all) {
			t.Errorf("%s: no case gives the message %q", at, format)
		}
	}
}

// messages finds the formats of all messages in the code, and where they are.
func messages(t *testing.T) map[string]token.Position {
	t.Helper()
	found := map[string]token.Position{}
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	files := token.NewFileSet()
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			function, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"errorf", "warnf", "Errorf", "New"}, function.Sel.Name) {
				return true
			}
			for _, arg := range call.Args {
				if literal, ok := arg.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					format, err := strconv.Unquote(literal.Value)
					if err != nil {
						t.Fatal(err)
					}
					found[format] = files.Position(literal.Pos())
				}
			}
			return true
		})
	}
	if len(found) < 50 {
		t.Fatalf("only %d messages found: %v", len(found), slices.Collect(maps.Keys(found)))
	}
	return found
}

var verb = regexp.MustCompile(`%%|%[0-9]*[a-z]`)

// formatPattern matches what a format prints.
func formatPattern(format string) *regexp.Regexp {
	var b strings.Builder
	at := 0
	for _, m := range verb.FindAllStringIndex(format, -1) {
		b.WriteString(regexp.QuoteMeta(format[at:m[0]]))
		b.WriteString(`.*`)
		at = m[1]
	}
	b.WriteString(regexp.QuoteMeta(format[at:]))
	return regexp.MustCompile(b.String())
}
