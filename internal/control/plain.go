package control

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Plain returns a text as a terminal may be shown it, on one line: each character
// that isn't printable, such as a newline, an escape or a change of writing
// direction, is written as Go writes it in a string, \n or \x1b. Reasons come from
// the network, and must neither move a cursor nor make up lines.
func Plain(text string) string {
	if !strings.ContainsFunc(text, raw) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			const hex = "0123456789abcdef"
			b.WriteString(`\x`)
			b.WriteByte(hex[text[0]>>4])
			b.WriteByte(hex[text[0]&0xf])
		case raw(r):
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteRune(r)
		}
		text = text[size:]
	}
	return b.String()
}

// raw reports whether a character must not be shown as it is. Of bytes that are
// not UTF-8 it sees the replacement character, which is looked at more closely.
func raw(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }
