package wire

import "strings"

// MaxReason is the room in bytes, escapes included, that CleanReason leaves to a reason. With it an answer fits a line
// whatever its other fields are, and with its mac.
const MaxReason = 256

// CleanReason makes any text, such as a program's error, fit to be sent as a reason: line breaks and tabs become
// spaces, whatever else is not printable ASCII becomes a question mark, spaces at both ends go, and what is over
// MaxReason is cut off and marked with three dots.
func CleanReason(text string) string {
	// Only the beginning can be kept, so a text of megabytes costs no more than that.
	const dots = "..."
	cut := len(text) > 4*MaxReason
	if cut {
		text = text[:4*MaxReason]
	}
	clean := strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case r < 0x20 || r > 0x7e:
			return '?'
		}
		return r
	}, text))
	if !cut && quotedLen(clean) <= MaxReason {
		return clean
	}
	room := MaxReason - len(dots)
	for i := range len(clean) {
		if room -= quotedLen(clean[i : i+1]); room < 0 {
			return clean[:i] + dots
		}
	}
	return clean + dots
}

// quotedLen returns the length of s between its quotes.
func quotedLen(s string) int { return len(s) + strings.Count(s, `"`) + strings.Count(s, `\`) }
