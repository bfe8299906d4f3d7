package wire

import (
	"strconv"
	"strings"
)

// AppendAgent appends to dst the HAProxy agent-check line, without its end, that says what an answer says: up ready
// 80%, up drain, maint, down #reason, down #starting. The words ready, drain and maint set HAProxy's administrative
// state, up and down its operational one; what follows # goes to its log and statistics page.
func AppendAgent(dst []byte, a Answer) []byte {
	switch a.State {
	case Up:
		dst = append(dst, "up ready "...)
		return append(strconv.AppendInt(dst, int64(a.Percent()), 10), '%')
	case Drain:
		return append(dst, "up drain"...)
	case Maint:
		return append(dst, "maint"...)
	case Starting:
		return append(dst, "down #starting"...)
	}
	if reason := CleanReason(a.Reason); reason != "" {
		return append(append(dst, "down #"...), reason...)
	}
	return append(dst, "down"...)
}

// IsAgentLine tells whether line, given without its end, is what an HAProxy agent check answers, and not MONITOR: one
// or more of HAProxy's words, separated by spaces, tabs or commas, in upper or lower case, and perhaps # with a text.
// A program sends it to those that it takes for HAProxy; a director that gets it was too slow, and asks again.
func IsAgentLine(line []byte) bool {
	if len(line) > maxContent {
		return false
	}
	words, _, _ := strings.Cut(string(line), "#")
	found := false
	for word := range strings.FieldsFuncSeq(words, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' }) {
		if !isAgentWord(strings.ToLower(word)) {
			return false
		}
		found = true
	}
	return found
}

// isAgentWord tells whether HAProxy's agent check knows word, which is in lower case.
func isAgentWord(word string) bool {
	switch word {
	case "up", "down", "stopped", "fail", "ready", "drain", "maint":
		return true
	}
	if percent, ok := strings.CutSuffix(word, "%"); ok {
		return isDigits(percent)
	}
	if limit, ok := strings.CutPrefix(word, "maxconn:"); ok {
		return isDigits(limit)
	}
	return false
}

// isDigits tells whether s is 1..10 decimal digits.
func isDigits(s string) bool {
	if len(s) == 0 || len(s) > 10 {
		return false
	}
	return strings.Trim(s, "0123456789") == ""
}
