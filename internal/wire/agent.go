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

// Agent is what one line of an HAProxy agent check says. What the line doesn't say is empty, and for HAProxy stays as it
// was.
type Agent struct {
	// Percent is the share of its configured weight that the server wants, as in 75%: 0..9999999999, and over 100 is
	// more than its share.
	Percent Optional
	// MaxConns is how many connections the server wants at most, as in maxconn:30; 0..9999999999.
	MaxConns Optional
	// Operational is up, down, stopped or fail; the last three differ only in what HAProxy logs. Empty: not said.
	Operational string
	// Administrative is ready, drain or maint. Empty: not said.
	Administrative string
	// Reason is the text after #, as CleanReason leaves it.
	Reason string
}

// ParseAgent reads a line of HAProxy's agent check, given without its end: one or more words in any order and case,
// separated by spaces, tabs or commas, and perhaps # with a text for the operator. Where two words say different things
// of the same sort, the latter counts, as it does for HAProxy. The error wraps ErrTooLong, or ErrMalformed and names the
// word that HAProxy doesn't know.
func ParseAgent(line []byte) (Agent, error) {
	if len(line) > maxContent {
		return Agent{}, ErrTooLong
	}
	var a Agent
	words := 0
	for rest := string(line); ; words++ {
		rest = strings.TrimLeft(rest, agentSpace)
		if reason, found := strings.CutPrefix(rest, "#"); found {
			a.Reason = CleanReason(reason)
			rest = ""
		}
		if rest == "" {
			break
		}
		end := strings.IndexAny(rest, agentSpace)
		if end < 0 {
			end = len(rest)
		}
		if !a.take(strings.ToLower(rest[:end])) {
			return Agent{}, malformed("the agent says %s (up, down, stopped, fail, ready, drain, maint, 75%% or maxconn:30 wanted)",
				clip(rest[:end]))
		}
		rest = rest[end:]
	}
	if words == 0 {
		return Agent{}, malformed("the agent says nothing (up, down, stopped, fail, ready, drain, maint, 75%% or maxconn:30 wanted)")
	}
	return a, nil
}

// agentSpace is what stands between the words of an agent line.
const agentSpace = " \t,"

// take notes what a word, in lower case, says. It is false where HAProxy doesn't know the word.
func (a *Agent) take(word string) (known bool) {
	switch word {
	case "up", "down", "stopped", "fail":
		a.Operational = word
		return true
	case "ready", "drain", "maint":
		a.Administrative = word
		return true
	}
	if percent, ok := strings.CutSuffix(word, "%"); ok {
		a.Percent, known = shortNumber(percent)
	} else if limit, ok := strings.CutPrefix(word, "maxconn:"); ok {
		a.MaxConns, known = shortNumber(limit)
	}
	return known
}

// shortNumber reads a number of 1..10 decimal digits.
func shortNumber(digits string) (Optional, bool) {
	if len(digits) == 0 || len(digits) > 10 || strings.Trim(digits, "0123456789") != "" {
		return Optional{}, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return Some(n), err == nil
}

// IsAgentLine tells whether line, given without its end, is what an HAProxy agent check answers, and not MONITOR:
// whether ParseAgent takes it. A program sends it to those that it takes for HAProxy; a director that gets it to a
// request was too slow, and asks again.
func IsAgentLine(line []byte) bool {
	_, err := ParseAgent(line)
	return err == nil
}
