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

const (
	// relayPrefix begins every datagram of RELAY, in whatever version.
	relayPrefix = "RELAY/"
	// relay1 is the protocol of this package's relays.
	relay1 = "RELAY/1"
	// maxParts bounds the parts of a round.
	maxParts = 1 << 16
	// maxChildren bounds the children of a round: no line of a child is shorter than 32 bytes.
	maxChildren = maxParts * (MaxDatagram / 32)
)

// Relay is the first line of a relay's datagram: which part of which round of its state the datagram is.
type Relay struct {
	// ID names the relay, 1..128 bytes.
	ID string
	// Instance is the relay's start in Unix milliseconds.
	Instance uint64
	// Seq is the round: it grows by 1 with each, and by 1 more for each that was left out.
	Seq uint64
	// Interval is the relay's cadence, the time from one round to the next; whole milliseconds from MinInterval to
	// MaxInterval.
	Interval time.Duration
	// Part is which of the Parts of the round this is, 1..Parts; Parts is at most 65536.
	Part, Parts int
	// Children is how many lines of children the round has, all parts together; at most 2424832.
	Children int
	// MAC is 64 lower-case hex digits, or empty. A parsed mac is not yet a right one: see VerifyRelay.
	MAC string
}

// ParseRelay reads a relay's datagram: its first line, and the children's lines without their ends, which are left to
// ParseHeartbeat. A part may be empty of children. The children's lines are parts of datagram, not copies. The error
// wraps ErrTooLong, ErrNotHeartbeat, ErrVersion or ErrMalformed.
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

// parseRelayLine reads the first line of a relay's datagram, given without its end.
func parseRelayLine(line []byte) (Relay, error) {
	l, err := parseVersioned(line, relayPrefix, relay1, ErrNotHeartbeat)
	if err != nil {
		return Relay{}, err
	}
	if l.Verb != "" {
		return Relay{}, malformed("after %s comes %s, which is not key=value", relay1, clip(l.Verb))
	}
	var r Relay
	if r.ID, err = nameOf(l, "id", true); err != nil {
		return Relay{}, err
	}
	if r.Instance, err = startOf(l); err != nil {
		return Relay{}, err
	}
	if r.Seq, err = numberOf(l, "seq"); err != nil {
		return Relay{}, err
	}
	if r.Interval, err = intervalOf(l); err != nil {
		return Relay{}, err
	}
	if r.Part, r.Parts, err = partOf(l); err != nil {
		return Relay{}, err
	}
	children, err := numberOf(l, "children")
	if err != nil {
		return Relay{}, err
	}
	if children > maxChildren {
		return Relay{}, malformed("the children are %d (at most %d)", children, maxChildren)
	}
	r.Children = int(children)
	if r.MAC, err = macOf(l); err != nil {
		return Relay{}, err
	}
	return r, nil
}

// partOf returns the part of a parsed line, which it must have, such as 1/2.
func partOf(l Line) (part, parts int, err error) {
	text, given := l.Get("part")
	if !given {
		return 0, 0, malformed("part= is missing")
	}
	first, second, _ := strings.Cut(text, "/")
	part, parts = parseCount(first), parseCount(second)
	if part == 0 || parts == 0 || part > parts {
		return 0, 0, malformed("the part is %s (one such as 1/2 wanted, up to %d)", clip(text), maxParts)
	}
	return part, parts, nil
}

// parseCount reads a number 1..maxParts without leading zeros; 0 is anything else.
func parseCount(text string) int {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n > maxParts || text[0] == '0' {
		return 0
	}
	return int(n)
}

// line returns the first line of the relay's datagram, without a mac.
func (r Relay) line() Line {
	return Line{Protocol: relay1, Fields: []Field{
		{Key: "id", Value: r.ID},
		{Key: "instance", Value: FormatInstance(r.Instance)},
		{Key: "seq", Value: strconv.FormatUint(r.Seq, 10)},
		{Key: "interval", Value: FormatInterval(r.Interval)},
		{Key: "part", Value: strconv.Itoa(r.Part) + "/" + strconv.Itoa(r.Parts)},
		{Key: "children", Value: strconv.Itoa(r.Children)},
	}}
}

// check says what keeps the relay's datagram with so many children's lines from being sent.
func (r Relay) check(children int) error {
	if err := checkName("id", r.ID); err != nil {
		return err
	}
	if err := checkInterval(r.Interval); err != nil {
		return err
	}
	if r.Part < 1 || r.Part > r.Parts || r.Parts > maxParts {
		return malformed("the part is %d/%d (one such as 1/2 wanted, up to %d)", r.Part, r.Parts, maxParts)
	}
	if r.Children < children || r.Children > maxChildren {
		return malformed("the round has %d children, and this part %d (at most %d)", r.Children, children, maxChildren)
	}
	return nil
}

// AppendRelay appends to dst the datagram of a relay with the children's lines, given without their ends and aged, and,
// where key is not nil, with its mac; r.MAC is not looked at. Children counts those of the whole round, so the caller
// knows it before the first part is sent. The error wraps ErrMalformed and names what can't be sent, or wraps ErrTooLong
// where the datagram would be longer than MaxDatagram or one of its lines longer than MaxLine; dst is then as it was.
func AppendRelay(dst []byte, r Relay, key []byte, children ...[]byte) ([]byte, error) {
	before := dst
	if err := r.check(len(children)); err != nil {
		return before, err
	}
	dst, err := r.line().AppendText(dst)
	if err != nil {
		return before, err
	}
	datagram := len(before)
	covered := len(dst) // the mac covers the first line up to here, and all from its end on
	if key != nil {
		dst = append(dst, macField...)
		dst = append(dst, make([]byte, macDigits)...)
	}
	end := len(dst)
	dst = append(dst, '\n')
	for i, line := range children {
		switch {
		case len(line) > maxContent:
			return before, ErrTooLong
		case len(line) == 0 || bytes.IndexByte(line, '\n') >= 0:
			return before, malformed("the line of child %d of the datagram is empty or has an end within", i+1)
		}
		dst = append(append(dst, line...), '\n')
	}
	if len(dst)-datagram > MaxDatagram {
		return before, errDatagramTooLong
	}
	if key != nil {
		hex.Encode(dst[covered+len(macField):end], mac(key, dst[datagram:covered], dst[end:]))
	}
	return dst, nil
}

// RelayOverhead returns how many bytes of a datagram the first line of a relay with that id takes at most, its mac and
// its end included: what is left of MaxDatagram is for children. It is MaxDatagram where the id is no name.
func RelayOverhead(id string) int {
	longest := Relay{
		ID: id, Seq: 1<<64 - 1, Interval: MaxInterval - time.Millisecond, Part: maxParts, Parts: maxParts, Children: maxChildren,
	}
	if longest.check(0) != nil {
		return MaxDatagram
	}
	line, err := longest.line().AppendText(nil)
	if err != nil {
		return MaxDatagram
	}
	return len(line) + len(macField) + macDigits + len("\n")
}

// VerifyRelay tells whether a relay's datagram, exactly as received, carries a mac that one of the keys makes. The mac
// covers the first line up to its last " mac=", one "\n", and all that follows that line's end in the datagram. Macs are
// compared in constant time. The error wraps ErrNoMAC or ErrBadMAC.
//
// For a datagram that ParseRelay took, what is verified is all that was parsed.
func VerifyRelay(datagram []byte, keys ...[]byte) error {
	first, rest, _ := bytes.Cut(datagram, []byte("\n"))
	covered, given, ok := cutMAC(bytes.TrimSuffix(first, []byte("\r")))
	if !ok {
		return fmt.Errorf("%w: the relay has no key, or the datagram isn't the relay's", ErrNoMAC)
	}
	for _, key := range keys {
		if hmac.Equal(given, mac(key, covered, []byte("\n"), rest)) {
			return nil
		}
	}
	return fmt.Errorf("%w: the relay has another key, or the datagram isn't the relay's", ErrBadMAC)
}
