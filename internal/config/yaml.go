package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// parseYAML turns text into the one document that it holds, or reports why not
// and returns nil.
func parseYAML(text []byte, r *reporter) *yaml.Node {
	if !utf8.Valid(text) {
		r.errorf(place{line: lineOf(text, invalidAt(text))}, "is not UTF-8 text (want a file saved as UTF-8)")
		return nil
	}
	documents, err := documentsOf(text)
	if err != nil {
		line, says := problemOf(text, err)
		r.errorf(place{line: line}, "%s (%s)", says, hint(text, line))
		return nil
	}
	if len(documents) == 0 || isEmpty(documents[0]) {
		r.errorf(place{}, "is empty (want at least a director, virtual_routers, virtual_services or a relay)")
		return nil
	}
	if len(documents) > 1 {
		second := documents[1]
		r.errorf(place{line: int32(second.Line), column: int32(second.Column)},
			"begins a second document (want one: no --- within the file)")
	}
	return documents[0]
}

func isEmpty(n *yaml.Node) bool {
	return isNull(n) || n.Kind == yaml.MappingNode && len(n.Content) == 0
}

// documentsOf parses text into its first two documents, at most.
func documentsOf(text []byte) (documents []*yaml.Node, err error) {
	// The library panics on a few inputs that it does not understand. It holds
	// no state beyond this call, so that there is nothing to be left half done.
	defer func() {
		if recover() != nil {
			err = errors.New("yaml: the YAML parser can't read this")
		}
	}()
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for len(documents) < 2 {
		var document yaml.Node
		switch err := decoder.Decode(&document); {
		case errors.Is(err, io.EOF):
			return documents, nil
		case err != nil:
			return nil, err
		}
		documents = append(documents, document.Content[0])
	}
	return documents, nil
}

var parserError = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// problemOf splits the library's error into a line and what it says.
//
// The library often names the line where the list or mapping began that it
// could not finish. The line that is wrong is the first one with which, and with
// every longer part of the file, the text can no longer be parsed.
func problemOf(text []byte, err error) (line int32, says string) {
	prefix := parserError.FindStringSubmatch(err.Error())
	says = strings.TrimPrefix(err.Error(), prefix[0])
	line = 1
	if n, err := strconv.Atoi(prefix[1]); err == nil {
		line = int32(n)
	}
	const budget = 4 << 20 // bytes to parse again, some tenths of a second's worth
	spent := 0
	for lines := bytes.Count(text, []byte("\n")) + 1; lines > 0; lines-- {
		part := text[:endOfLine(text, lines-1)]
		if spent += len(part); spent > budget {
			return line, says
		}
		if _, err := documentsOf(part); err == nil {
			return int32(lines), says
		}
	}
	return 1, says
}

// endOfLine returns where a line ends, its line feed included; 0 is the end of
// nothing.
func endOfLine(text []byte, line int) int {
	end := 0
	for ; line > 0; line-- {
		i := bytes.IndexByte(text[end:], '\n')
		if i < 0 {
			return len(text)
		}
		end += i + 1
	}
	return end
}

// hint says what most often mends a line that YAML refuses.
func hint(text []byte, line int32) string {
	broken := string(text[endOfLine(text, int(line)-1):endOfLine(text, int(line))])
	indent := broken[:len(broken)-len(strings.TrimLeft(broken, " \t"))]
	switch {
	case strings.Contains(indent, "\t"):
		return "want spaces, not tabs, before a key"
	case strings.Contains(broken, "[") || strings.Count(broken+" ", ": ") > 1:
		return `quote a value that begins with [ or has ": " in it, as in "[2001:db8::100]:80/tcp"`
	}
	return "look at the indentation, quotes and brackets of this line and of the one before"
}

func invalidAt(text []byte) int {
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return len(text)
}

func lineOf(text []byte, at int) int32 {
	return int32(bytes.Count(text[:at], []byte("\n")) + 1)
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// describe says what a node is, where something else was wanted.
func describe(n *yaml.Node) string {
	switch {
	case isNull(n):
		return "has no value"
	case n.Kind == yaml.MappingNode:
		return "is a mapping"
	case n.Kind == yaml.SequenceNode:
		return "is a list"
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		return fmt.Sprintf("is the text %s", quote(n.Value))
	}
	return "is " + shown(n.Value)
}

// shown is text of the file as a message shows it: in quotes where it is no word.
func shown(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return quote(text)
}

var plainWord = regexp.MustCompile(`^[!-~]{1,64}$`)
