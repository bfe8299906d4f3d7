package wire

import (
	"strconv"
	"strings"
	"time"
)

const (
	// MinInterval is the shortest interval on the wire.
	MinInterval = 10 * time.Millisecond
	// MaxInterval is the longest interval on the wire.
	MaxInterval = time.Hour
)

// ParseInterval reads an interval: a whole number without leading zeros and the unit ms or s, as in 500ms or 1s, from
// 10ms to an hour. The error wraps ErrMalformed.
func ParseInterval(text string) (time.Duration, error) {
	unit := time.Second
	digits, ok := strings.CutSuffix(text, "ms")
	if ok {
		unit = time.Millisecond
	} else if digits, ok = strings.CutSuffix(text, "s"); !ok {
		return 0, badInterval(text)
	}
	if len(digits) > 7 || digits == "" || digits[0] < '1' || digits[0] > '9' {
		return 0, badInterval(text)
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || checkInterval(time.Duration(n)*unit) != nil {
		return 0, badInterval(text)
	}
	return time.Duration(n) * unit, nil
}

// FormatInterval writes an interval of MinInterval to MaxInterval as ParseInterval reads it, in seconds where they are
// whole. What is under a millisecond is cut off.
func FormatInterval(d time.Duration) string {
	if d%time.Second == 0 {
		return strconv.FormatInt(int64(d/time.Second), 10) + "s"
	}
	return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
}

// checkInterval says what keeps an interval from being sent.
func checkInterval(d time.Duration) error {
	if d < MinInterval || d > MaxInterval || d%time.Millisecond != 0 {
		return malformed("the interval is %s (whole milliseconds from %s to %s wanted)", d, FormatInterval(MinInterval), FormatInterval(MaxInterval))
	}
	return nil
}

// badInterval is the error of ParseInterval.
func badInterval(text string) error {
	return malformed("the interval is %s (a whole number of ms or s from %s to %s wanted, as in 500ms)", clip(text),
		FormatInterval(MinInterval), FormatInterval(MaxInterval))
}

// intervalOf returns the interval of a parsed line, which it must have.
func intervalOf(l Line) (time.Duration, error) {
	text, given := l.Get("interval")
	if !given {
		return 0, malformed("interval= is missing")
	}
	return ParseInterval(text)
}
