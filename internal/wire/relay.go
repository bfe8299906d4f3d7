package wire

import (
	"bytes"
	"crypto/hmac"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const relay1 = "RELAY/1"

// maxParts bounds the parts of a round.
const maxParts = 1 << 16

// Relay is the first line of a relay's datagram: which part of which round of its state the datagram is.
type Relay struct {
	// ID names the relay, 1..128 bytes.
	ID string
	// Instance is the relay's start in Unix milliseconds.
	Instance uint64
	// Seq is the round, 1 higher each Interval.
	Seq uint64
	// Interval is the relay's cadence, the time from one round to the next; MinInterval..MaxInterval.
	Interval time.Duration
	// Part is which of the Parts of the round this is, 1..Parts.
	Part, Parts int
	// Children is how many lines of children the round has, all parts together.
	Children int
	// MAC is 64 lower-case hex digits, or empty. A parsed mac is not yet a right one: see VerifyRelay.
	MAC string
}

// ParseRelay reads a relay's datagram: its first line, and the children's lines without their ends, which are left to
// ParseHeartbeat. A round's part may be empty of children. The error wraps ErrTooLong, ErrNotHeartbeat, ErrVersion or
// ErrMalformed.
func ParseRelay(datagram []byte) (Relay, [][]byte, error) {
	first, rest, err := cutDatagramLine(datagram)
	if err != nil {
		return Relay{}, nil, err
	}
	r, err := parseRelayLine(first)
	if err != nil {
		return Relay{}, nil, err
	}
	var children [][]byte
	for len(rest) > 0 {
		var line []byte
		if line, rest, err = cutDatagramLine(rest); err != nil {
			return Relay{}, nil, err
		}
		children = append(children, line)
	}
	if len(children) > r.Children {
		return Relay{}, nil, malformed("the datagram has %d children's lines, and the whole round is said to have %d", len(children), r.Children)
	}
	return r, children, nil
}

func parseRelayLine(line []byte) (Relay, error) {
	l, err := parseVersioned(line, "RELAY", relay1)
	if err != nil {
		return Relay{}, err
	}
	if l.Verb != "" {
		return Relay{}, malformed("after %s comes %s, not id=", relay1, clip(l.Verb))
	}
	var r Relay
	if r.ID, err = nameOf(l, "id", true); err != nil {
		return Relay{}, err
	}
	if r.Instance, err = startOf(l); err != nil {
		return Relay{}, err
	}
	if r.Interval, err = intervalOf(l); err != nil {
		return Relay{}, err
	}
	seq, err := l.Number("seq")
	if err != nil {
		return Relay{}, err
	}
	if !seq.Given {
		return Relay{}, malformed("seq= is missing")
	}
	r.Seq = seq.Value
	part, _ := l.Get("part")
	if r.Part, r.Parts, err = parsePart(part); err != nil {
		return Relay{}, err
	}
	children, err := l.Number("children")
	if err != nil {
		return Relay{}, err
	}
	const most = maxParts * (MaxDatagram / 32)
	if !children.Given || children.Value > most {
		return Relay{}, malformed("children= is missing or over %d", most)
	}
	r.Children = int(children.Value)
	r.MAC, err = macOf(l)
	return r, err
}

// parsePart reads "1/2".
func parsePart(text string) (part, parts int, err error) {
	first, second, _ := strings.Cut(text, "/")
	part, err1 := parseCount(first)
	parts, err2 := parseCount(second)
	if err1 != nil || err2 != nil || part > parts {
		return 0, 0, malformed("the part is %s (one such as 1/2 wanted)", clip(text))
	}
	return part, parts, nil
}

// parseCount reads a number 1..maxParts without leading zeros.
func parseCount(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n < 1 || n > maxParts || text[0] == '0' {
		return 0, ErrMalformed
	}
	return int(n), nil
}

// AppendRelay appends to dst the datagram of a relay with the children's lines, given without their ends and aged, and,
// where there is a key, with its mac. The error wraps ErrMalformed, or ErrTooLong where the datagram would be longer than
// MaxDatagram.
func AppendRelay(dst []byte, r Relay, key []byte, children ...[]byte) ([]byte, error) {
	before := len(dst)
	if err := checkName("id", r.ID); err != nil {
		return dst, err
	}
	if err := checkInterval(r.Interval); err != nil {
		return dst, err
	}
	if r.Part < 1 || r.Part > r.Parts || r.Parts > maxParts {
		return dst, malformed("the part is %d/%d", r.Part, r.Parts)
	}
	l := Line{Protocol: relay1, Fields: []Field{
		{Key: "id", Value: r.ID},
		{Key: "instance", Value: FormatInstance(r.Instance)},
		{Key: "seq", Value: strconv.FormatUint(r.Seq, 10)},
		{Key: "interval", Value: FormatInterval(r.Interval)},
		{Key: "part", Value: fmt.Sprintf("%d/%d", r.Part, r.Parts)},
		{Key: "children", Value: strconv.Itoa(r.Children)},
	}}
	dst, err := l.AppendText(dst)
	if err != nil {
		return dst, err
	}
	head := len(dst)
	dst = append(dst, '\n')
	for _, line := range children {
		dst = append(append(dst, line...), '\n')
	}
	if key != nil {
		sum := mac(key, dst[before:])
		signature := hex.AppendEncode([]byte(macField), sum)
		dst = append(dst[:head], append(signature, dst[head:]...)...)
	}
	if len(dst)-before > MaxDatagram {
		return dst[:before], fmt.Errorf("%w: the datagram would have more than %d", ErrTooLong, MaxDatagram)
	}
	return dst, nil
}

// RelayOverhead returns how many bytes of a datagram the first line of a relay takes at most, its mac and end included.
func RelayOverhead(id string) int {
	line, err := Line{Protocol: relay1, Fields: []Field{
		{Key: "id", Value: id},
		{Key: "instance", Value: FormatInstance(0)},
		{Key: "seq", Value: "18446744073709551615"},
		{Key: "interval", Value: "3600000ms"},
		{Key: "part", Value: "65536/65536"},
		{Key: "children", Value: "2424832"},
	}}.AppendText(nil)
	if err != nil {
		return MaxDatagram
	}
	return len(line) + len(macField) + macDigits + len("\n")
}

// VerifyRelay tells whether a relay's datagram, exactly as received, carries a mac that one of the keys makes. The mac
// covers the first line up to its last " mac=", a line end, and all that follows in the datagram. The error wraps
// ErrNoMAC or ErrBadMAC.
func VerifyRelay(datagram []byte, keys ...[]byte) error {
	end := bytes.IndexByte(datagram, '\n')
	if end < 0 {
		return fmt.Errorf("%w: the datagram has no line", ErrNoMAC)
	}
	covered, given, ok := cutMAC(bytes.TrimSuffix(datagram[:end], []byte("\r")))
	if !ok {
		return fmt.Errorf("%w: the relay has no key", ErrNoMAC)
	}
	for _, key := range keys {
		if hmac.Equal(given, mac(key, covered, datagram[end:])) {
			return nil
		}
	}
	return fmt.Errorf("%w: the relay has another key, or the datagram isn't the relay's", ErrBadMAC)
}
