package config

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// safeText is the text that YAML reads as it stands, within [ ] too.
var safeText = regexp.MustCompile(`^[A-Za-z0-9/]([A-Za-z0-9._/:-]*[A-Za-z0-9._/-])?%?$`)

// scalar is a codec of values that are one word or phrase each. Parse gets the
// text as YAML understood it; its error completes a sentence that begins with
// the value's path.
func scalar[V any](kind, want string, parse func(text string) (V, error), show func(V) string) codec[V] {
	return codec[V]{
		kind: kind,
		read: func(d *decoder, n *yaml.Node, at place) (V, bool) {
			if n.Kind != yaml.ScalarNode || isNull(n) {
				var zero V
				d.refuse(n, at, want)
				return zero, false
			}
			v, err := parse(n.Value)
			switch {
			case errors.Is(err, errNotThat):
				d.refuse(n, at, want)
			case err != nil:
				d.errorf(at, "%v", err)
			}
			return v, err == nil
		},
		write: func(v V) *yaml.Node { return written(show(v)) },
	}
}

// errNotThat is what a parse function returns where there is no more to say
// than what was wanted.
var errNotThat = errors.New("is something else")

// unquoted makes a codec refuse text in quotes, for numbers and booleans.
func unquoted[V any](want string, c codec[V]) codec[V] {
	read := c.read
	c.read = func(d *decoder, n *yaml.Node, at place) (V, bool) {
		if n.Kind == yaml.ScalarNode && n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
			var zero V
			d.refuse(n, at, want+", without quotes")
			return zero, false
		}
		return read(d, n, at)
	}
	return c
}

// holding makes a codec refuse values that break a rule.
func holding[V any](c codec[V], rule func(V) error) codec[V] {
	read := c.read
	c.read = func(d *decoder, n *yaml.Node, at place) (V, bool) {
		v, ok := read(d, n, at)
		if !ok {
			return v, false
		}
		if err := rule(v); err != nil {
			d.errorf(at, "%v", err)
			return v, false
		}
		return v, true
	}
	return c
}

// oneLine is text of at least one character, none of them a control character.
var oneLine = matching("text on one line", regexp.MustCompile(`^[^\x00-\x1f\x7f]+$`))

// matching is text that a pattern matches.
func matching(want string, pattern *regexp.Regexp) codec[string] {
	return scalar("string", want, func(text string) (string, error) {
		if !pattern.MatchString(text) {
			return "", errNotThat
		}
		return text, nil
	}, same)
}

func same(s string) string { return s }

// Names of things in the file, and in messages, metrics and status.
var (
	namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	wantName    = "a name: 1 to 64 letters, digits, . _ and -, a letter or digit first"
	nameWord    = matching(wantName, namePattern)
)

const wantPath = "an absolute path"

// The longest paths that the kernel takes, without the zero at their end: of a
// file (PATH_MAX), and of a socket (sockaddr_un).
const (
	maxPath       = 4095
	maxSocketPath = 107
)

// absolute is the path of a file, and socketPath that of a socket.
var (
	absolute   = pathOf(maxPath)
	socketPath = pathOf(maxSocketPath)
)

func pathOf(most int) codec[string] {
	return scalar("path", wantPath, func(text string) (string, error) {
		switch {
		case !isPath(text):
			return "", errNotThat
		case len(text) > most:
			return "", fmt.Errorf("is %d bytes long (want %d at most: the kernel takes no more)", len(text), most)
		}
		return text, nil
	}, same)
}

func isPath(text string) bool {
	return path.IsAbs(text) && !strings.ContainsFunc(text, isControl)
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// whole is a whole number from least to most.
func whole[V int | uint8 | uint16 | uint32](least, most V) codec[V] {
	want := fmt.Sprintf("a whole number, %d to %d", least, most)
	return unquoted(want, scalar("number", want, func(text string) (V, error) {
		n, err := strconv.ParseUint(text, 10, 63)
		if err != nil || n < uint64(least) || n > uint64(most) || len(text) > 1 && text[0] == '0' {
			return 0, errNotThat
		}
		return V(n), nil
	}, func(v V) string { return fmt.Sprint(v) }))
}

// percent is a share such as 20%.
var percent = scalar("percentage", "a percentage from 0% to 100%", func(text string) (int, error) {
	digits, ok := strings.CutSuffix(text, "%")
	n, err := strconv.ParseUint(digits, 10, 8)
	if !ok || err != nil || n > 100 {
		return 0, errNotThat
	}
	return int(n), nil
}, func(v int) string { return strconv.Itoa(v) + "%" })

// boolean is true or false as YAML 1.2 has them.
var boolean = unquoted("true or false", scalar("boolean", "true or false", func(text string) (bool, error) {
	switch text {
	case "true", "True", "TRUE":
		return true, nil
	case "false", "False", "FALSE":
		return false, nil
	}
	return false, errNotThat
}, strconv.FormatBool))

// duration is a length of time of at least so much, in Go's notation.
func duration(least time.Duration) codec[time.Duration] {
	want := "a duration like 5s or 500ms"
	return scalar("duration", want, func(text string) (time.Duration, error) {
		v, err := time.ParseDuration(text)
		switch {
		case err != nil:
			return 0, errNotThat
		case v < 0:
			return 0, fmt.Errorf("is %s (want no negative duration)", v)
		case v < least:
			return 0, fmt.Errorf("is %s (want at least %s)", short(v), short(least))
		}
		return v, nil
	}, short)
}

// short prints a duration without the zero units that Go adds: 5m, not 5m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// choice is one of the words that a value can be.
type choice[V any] struct {
	word  string
	value V
}

// choices is one of a few words.
func choices[V comparable](all ...choice[V]) codec[V] {
	words := make([]string, len(all))
	for i, c := range all {
		words[i] = c.word
	}
	return scalar(strings.Join(words, " | "), oneOf(words), func(text string) (V, error) {
		for _, c := range all {
			if c.word == text {
				return c.value, nil
			}
		}
		var zero V
		if word, ok := nearest(text, words); ok {
			return zero, fmt.Errorf("is %s (did you mean %s?)", shown(text), word)
		}
		return zero, errNotThat
	}, func(v V) string {
		for _, c := range all {
			if c.value == v {
				return c.word
			}
		}
		return fmt.Sprint(v)
	})
}

// spelled are choices whose words are the values' own.
func spelled[V interface {
	comparable
	fmt.Stringer
}](values ...V) codec[V] {
	all := make([]choice[V], len(values))
	for i, v := range values {
		all[i] = choice[V]{v.String(), v}
	}
	return choices(all...)
}

// words are choices that stay text.
func words(all ...string) codec[string] {
	same := make([]choice[string], len(all))
	for i, w := range all {
		same[i] = choice[string]{w, w}
	}
	return choices(same...)
}

// Pattern is a regular expression of Go's dialect (RE2).
type Pattern struct {
	*regexp.Regexp
}

// maxRead is how much of an answer a check reads: what can't be found in so much
// can't be found.
const maxRead = 64 << 10

// pattern is a regular expression that can match within maxRead bytes.
var pattern = scalar("regular expression", "a regular expression", func(text string) (Pattern, error) {
	switch {
	case text == "":
		return Pattern{}, errors.New("is empty (want a regular expression)")
	case len(text) > maxRead:
		return Pattern{}, errors.New("is longer than 64 KiB (want a shorter expression)")
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	var wrong *syntax.Error
	if errors.As(err, &wrong) {
		return Pattern{}, fmt.Errorf("is not a regular expression: %s: %s (want Go's syntax, RE2)", wrong.Code, quote(wrong.Expr))
	}
	if n := shortest(tree); n > maxRead {
		return Pattern{}, fmt.Errorf("matches no less than %d bytes (want at most 64 KiB: no more is read)", n)
	}
	compiled, err := regexp.Compile(text)
	if err != nil {
		return Pattern{}, fmt.Errorf("is not a regular expression: %w (want Go's syntax, RE2)", err)
	}
	return Pattern{compiled}, nil
}, func(p Pattern) string { return p.String() })

// shortest is the length of the shortest text that an expression matches, in
// bytes where its characters are ASCII.
func shortest(re *syntax.Regexp) int {
	sum := 0
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1
	case syntax.OpCapture, syntax.OpPlus:
		return shortest(re.Sub[0])
	case syntax.OpRepeat:
		return re.Min * shortest(re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			sum += shortest(sub)
		}
	case syntax.OpAlternate:
		sum = shortest(re.Sub[0])
		for _, sub := range re.Sub[1:] {
			sum = min(sum, shortest(sub))
		}
	}
	return sum
}

const wantHex = "pairs of hexadecimal digits, as in 0d0a"

// hexBytes are bytes in hexadecimal, with ?? for any byte where that is allowed.
// Spaces between bytes are for the eye.
func hexBytes(wildcards bool) codec[HexBytes] {
	want := wantHex
	if wildcards {
		want += ", or ?? for any byte"
	}
	return scalar("hexadecimal bytes", want, func(text string) (HexBytes, error) {
		var h HexBytes
		for _, word := range strings.Fields(text) {
			for ; word != ""; word = word[min(2, len(word)):] {
				pair := word[:min(2, len(word))]
				b, err := hex.DecodeString(pair)
				switch {
				case wildcards && pair == "??":
					h.Bytes, h.Mask = append(h.Bytes, 0), append(h.Mask, 0)
				case err != nil:
					return h, errNotThat
				default:
					h.Bytes, h.Mask = append(h.Bytes, b[0]), append(h.Mask, 0xff)
				}
			}
		}
		return h, cmp.Or(notEmpty(len(h.Bytes)), notLong(len(h.Bytes)))
	}, HexBytes.String)
}

func notEmpty(bytes int) error {
	if bytes == 0 {
		return errors.New("is empty (want at least one byte)")
	}
	return nil
}

func notLong(bytes int) error {
	if bytes > maxRead {
		return fmt.Errorf("is %d bytes long (want at most 64 KiB)", bytes)
	}
	return nil
}

// sendText is text that is sent as it is, with YAML's own escapes.
var sendText = scalar("string", `text to send, as in "QUIT\r\n"`, func(text string) (string, error) {
	return text, cmp.Or(notEmpty(len(text)), notLong(len(text)))
}, same)
