package wire

import (
	"bytes"
	"crypto/hmac"
	"fmt"
	"strconv"
	"time"
)

const (
	heartbeat1 = "HEARTBEAT/1"
	// ageField is what stands between a heartbeat and the age that a relay put to it.
	ageField = " age="
)

// Heartbeat is what a real server's program says of itself without being asked.
type Heartbeat struct {
	// State is one of the five states.
	State State
	// ID names the sender, 1..128 bytes; usually the real server's address:port.
	ID string
	// Service is the service spoken of; 1..128 bytes.
	Service string
	// Instance is the program's start in Unix milliseconds.
	Instance uint64
	// Seq is 1 higher with each interval of an instance.
	Seq uint64
	// Interval is the time from one heartbeat to the next, MinInterval..MaxInterval.
	Interval time.Duration
	// Weight is the share of its configured weight that the service wants, in percent, 0..100.
	Weight Optional
	// Conns, Served and Failed are as in an Answer.
	Conns, Served, Failed Optional
	// Reason is a sentence for the operator; printable ASCII, see CleanReason. Empty is the same as absent.
	Reason string
	// Age is how long a relay had the line before it sent it on, in milliseconds; only relays give it.
	Age Optional
	// MAC is 64 lower-case hex digits, or empty. A parsed mac is not yet a right one: see VerifyHeartbeat.
	MAC string
}

// Percent returns the share of its configured weight that the service wants, 0..100; 100 where the line doesn't say.
func (h Heartbeat) Percent() int { return int(h.Weight.Or(100)) }

// ParseHeartbeat reads a heartbeat's line, given without its end. Unknown keys are ignored. The error wraps ErrTooLong,
// ErrNotHeartbeat, ErrVersion or ErrMalformed.
func ParseHeartbeat(line []byte) (Heartbeat, error) {
	l, err := parseVersioned(line, "HEARTBEAT", heartbeat1)
	if err != nil {
		return Heartbeat{}, err
	}
	h := Heartbeat{State: State(l.Verb)}
	if !h.State.Valid() {
		return Heartbeat{}, malformed("the state is %s (up, starting, drain, maint or down wanted)", clip(l.Verb))
	}
	if h.ID, err = nameOf(l, "id", true); err != nil {
		return Heartbeat{}, err
	}
	if h.Service, err = nameOf(l, "service", true); err != nil {
		return Heartbeat{}, err
	}
	if h.Instance, err = startOf(l); err != nil {
		return Heartbeat{}, err
	}
	if h.Interval, err = intervalOf(l); err != nil {
		return Heartbeat{}, err
	}
	var seq Optional
	for _, n := range []struct {
		key string
		to  *Optional
	}{
		{"seq", &seq},
		{"weight", &h.Weight},
		{"conns", &h.Conns},
		{"served", &h.Served},
		{"failed", &h.Failed},
		{"age", &h.Age},
	} {
		if *n.to, err = l.Number(n.key); err != nil {
			return Heartbeat{}, err
		}
	}
	if !seq.Given {
		return Heartbeat{}, malformed("seq= is missing")
	}
	h.Seq = seq.Value
	if err := checkWeight(h.Weight); err != nil {
		return Heartbeat{}, err
	}
	h.Reason, _ = l.Get("reason")
	if h.MAC, err = macOf(l); err != nil {
		return Heartbeat{}, err
	}
	return h, checkAgePlace(l, h)
}

// checkAgePlace wants the age last, or last before the mac: only then is what cutAge finds the field that the parser
// found.
func checkAgePlace(l Line, h Heartbeat) error {
	if !h.Age.Given {
		return nil
	}
	last := len(l.Fields) - 1
	if h.MAC != "" {
		last--
	}
	if last < 0 || l.Fields[last].Key != "age" || l.Fields[last].Quoted {
		return malformed("age= is not last, before the mac")
	}
	return nil
}

// AppendText appends the heartbeat's line without an end to dst, its age and then its mac last where it has them. The
// error wraps ErrMalformed and names the part that can't be sent, or is ErrTooLong.
func (h Heartbeat) AppendText(dst []byte) ([]byte, error) {
	if !h.State.Valid() {
		return dst, malformed("the state is %s (up, starting, drain, maint or down wanted)", clip(h.State))
	}
	if err := checkName("id", h.ID); err != nil {
		return dst, err
	}
	if err := checkName("service", h.Service); err != nil {
		return dst, err
	}
	if err := checkInterval(h.Interval); err != nil {
		return dst, err
	}
	if err := checkWeight(h.Weight); err != nil {
		return dst, err
	}
	if h.MAC != "" && !isHex(h.MAC, macDigits) {
		return dst, malformed("the mac is %s, not %d lower-case hex digits", clip(h.MAC), macDigits)
	}
	l := Line{Protocol: heartbeat1, Verb: string(h.State), Fields: make([]Field, 0, 12)}
	add := func(key, value string) { l.Fields = append(l.Fields, Field{Key: key, Value: value}) }
	number := func(key string, n Optional) {
		if n.Given {
			add(key, strconv.FormatUint(n.Value, 10))
		}
	}
	add("id", h.ID)
	add("service", h.Service)
	add("instance", FormatInstance(h.Instance))
	number("seq", Some(h.Seq))
	add("interval", FormatInterval(h.Interval))
	number("weight", h.Weight)
	number("conns", h.Conns)
	number("served", h.Served)
	number("failed", h.Failed)
	if h.Reason != "" {
		l.Fields = append(l.Fields, Field{Key: "reason", Value: h.Reason, Quoted: true})
	}
	number("age", h.Age)
	if h.MAC != "" {
		add(macKey, h.MAC)
	}
	return l.AppendText(dst)
}

// String returns the heartbeat's line, or in parentheses why there is none.
func (h Heartbeat) String() string { return textOf(h.AppendText(nil)) }

// SignHeartbeat appends to a heartbeat's line, which has neither end nor mac yet, its mac with the sender's key:
// HMAC-SHA256(key, line). The error is ErrTooLong where the line would become longer than MaxLine.
func SignHeartbeat(line, key []byte) ([]byte, error) {
	if len(line)+len(macField)+macDigits > maxContent {
		return line, ErrTooLong
	}
	return fmt.Appendf(line, "%s%x", macField, mac(key, line)), nil
}

// VerifyHeartbeat tells whether a heartbeat's line, exactly as received but for its end, carries a mac that one of the
// keys makes. The mac covers the line without its last " mac=" and the age before that, if a relay put one. The error
// wraps ErrNoMAC or ErrBadMAC.
func VerifyHeartbeat(line []byte, keys ...[]byte) error {
	covered, given, ok := cutMAC(line)
	if !ok {
		return fmt.Errorf("%w: the sender has no key", ErrNoMAC)
	}
	covered = cutAge(covered)
	for _, key := range keys {
		if hmac.Equal(given, mac(key, covered)) {
			return nil
		}
	}
	return fmt.Errorf("%w: the sender has another key, or the line isn't the sender's", ErrBadMAC)
}

// AppendAged appends to dst a heartbeat's line, without its end, with an age put to it as a relay does: before its mac,
// or last where it has none. What is under a millisecond is cut off; the line must not have an age yet.
func AppendAged(dst, line []byte, age time.Duration) []byte {
	body, signature := line, []byte(nil)
	if covered, _, ok := cutMAC(line); ok {
		body, signature = covered, line[len(covered):]
	}
	dst = append(append(dst, body...), ageField...)
	dst = strconv.AppendInt(dst, max(age.Milliseconds(), 0), 10)
	return append(dst, signature...)
}

// cutAge takes the age off the end of a line without its mac.
func cutAge(line []byte) []byte {
	i := bytes.LastIndex(line, []byte(ageField))
	if i < 0 || len(line) == i+len(ageField) || len(bytes.Trim(line[i+len(ageField):], "0123456789")) > 0 {
		return line
	}
	return line[:i]
}

// CutHeartbeat returns the one line, without its end, of a heartbeat's datagram. The error wraps ErrTooLong or
// ErrMalformed.
func CutHeartbeat(datagram []byte) (line []byte, err error) {
	line, rest, err := cutDatagramLine(datagram)
	if err == nil && len(rest) > 0 {
		return nil, malformed("after the heartbeat's line come %d bytes more", len(rest))
	}
	return line, err
}
