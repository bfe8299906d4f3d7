package wire

import "strings"

const (
	// maxBare is the longest value in bytes that may stand without quotes.
	maxBare = 128
	// maxKey is the longest key or verb in bytes.
	maxKey = 32
)

// isBareByte tells whether c may stand in a value without quotes: A-Z a-z 0-9 . _ : / + - [ ].
func isBareByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("._:/+-[]", c) >= 0
}

// isBare tells whether value can stand without quotes.
func isBare(value string) bool {
	if len(value) == 0 || len(value) > maxBare {
		return false
	}
	for i := range len(value) {
		if !isBareByte(value[i]) {
			return false
		}
	}
	return true
}

// isPrintable tells whether c is a printable ASCII character, the space included.
func isPrintable(c byte) bool { return 0x20 <= c && c <= 0x7e }

// firstUnprintable returns the index of the first byte of s that is not printable ASCII, or -1.
func firstUnprintable[T ~string | ~[]byte](s T) int {
	for i := range len(s) {
		if !isPrintable(s[i]) {
			return i
		}
	}
	return -1
}

// isKey tells whether s can be a key or a verb: a lower-case letter, then lower-case letters, digits, _ and -.
func isKey(s string) bool {
	if len(s) == 0 || len(s) > maxKey || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// isProtocol tells whether s is a protocol with its version, such as MONITOR/1: 1..16 upper-case letters, a slash, and
// a number 1..999 without leading zeros.
func isProtocol(s string) bool {
	name, version, ok := strings.Cut(s, "/")
	if !ok || len(name) == 0 || len(name) > 16 || len(version) == 0 || len(version) > 3 || version[0] == '0' {
		return false
	}
	for i := range len(name) {
		if name[i] < 'A' || name[i] > 'Z' {
			return false
		}
	}
	for i := range len(version) {
		if version[i] < '0' || version[i] > '9' {
			return false
		}
	}
	return true
}

// appendQuoted appends value in double quotes, with \" and \\ for the two characters that need it.
func appendQuoted(dst []byte, value string) []byte {
	dst = append(dst, '"')
	for i := range len(value) {
		if value[i] == '"' || value[i] == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, value[i])
	}
	return append(dst, '"')
}

// cutQuoted reads a value in double quotes from the beginning of s, which starts with the opening quote, and returns it
// without quotes and escapes, and what follows it.
func cutQuoted(key, s string) (value, rest string, err error) {
	var unescaped []byte
	start := 1
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			if unescaped == nil {
				return s[start:i], s[i+1:], nil
			}
			return string(append(unescaped, s[start:i]...)), s[i+1:], nil
		case '\\':
			if i+1 == len(s) || (s[i+1] != '"' && s[i+1] != '\\') {
				return "", "", malformed(`the value of %s has a \ before neither \ nor "`, key)
			}
			unescaped = append(unescaped, s[start:i]...)
			i++
			start = i
		}
	}
	return "", "", malformed("the value of %s has no closing quote", key)
}
