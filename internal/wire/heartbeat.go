package wire

import (
	"bytes"
	"crypto/hmac"
	"fmt"
	"strconv"
	"time"
)

const (
	// heartbeatPrefix begins every line of HEARTBEAT, in whatever version.
	heartbeatPrefix = "HEARTBEAT/"
	// heartbeat1 is the protocol of this package's heartbeats.
	heartbeat1 = "HEARTBEAT/1"
	// MaxHeartbeat is the longest line in bytes, its mac and its end included, that a sender should send: with the longest
	// age put to it, it fits a datagram beside the first line of any relay whose id needs no quotes. A heartbeat whose id
	// and service need no quotes, and whose reason went through CleanReason, is never longer.
	MaxHeartbeat = 800
	// ageKey is the key of the field that a relay puts to a heartbeat, last but for the mac.
	ageKey = "age"
	// ageField is what stands between a heartbeat and its age.
	ageField = " " + ageKey + "="
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
	// Seq grows by 1 from each heartbeat of an instance to the next, and by 1 more for each that was left out.
	Seq uint64
	// Interval is the time from one heartbeat to the next, whole milliseconds from MinInterval to MaxInterval.
	Interval time.Duration
	// Weight is the share of its configured weight that the service wants, in percent, 0..100.
	Weight Optional
	// Conns is the number of connections open now.
	Conns Optional
	// Served counts what was served since the instance started.
	Served Optional
	// Failed counts what failed since the instance started.
	Failed Optional
	// Reason is a sentence for the operator; printable ASCII, see CleanReason. Empty is the same as absent.
	Reason string
	// Age is how long a relay had the line before it sent it on, in milliseconds; only relays give it. It is not covered by
	// the mac, so it is the relay's word, and any number of 64 bits: more than a time.Duration holds.
	Age Optional
	// MAC is 64 lower-case hex digits, or empty. A parsed mac is not yet a right one: see VerifyHeartbeat.
	MAC string
}

// Percent returns the share of its configured weight that the service wants, 0..100; 100 where the line doesn't say.
func (h Heartbeat) Percent() int { return int(h.Weight.Or(100)) }

// ParseHeartbeat reads a heartbeat's line, given without its end. Unknown keys are ignored. The error wraps ErrTooLong,
// ErrNotHeartbeat, ErrVersion or ErrMalformed.
func ParseHeartbeat(line []byte) (Heartbeat, error) {
	l, err := parseVersioned(line, heartbeatPrefix, heartbeat1, ErrNotHeartbeat)
	if err != nil {
		return Heartbeat{}, err
	}
	var h Heartbeat
	if h.State, err = stateOf(l); err != nil {
		return Heartbeat{}, err
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
	if h.Seq, err = numberOf(l, "seq"); err != nil {
		return Heartbeat{}, err
	}
	err = readNumbers(l, numberField{"weight", &h.Weight}, numberField{"conns", &h.Conns}, numberField{"served", &h.Served},
		numberField{"failed", &h.Failed}, numberField{ageKey, &h.Age})
	if err != nil {
		return Heartbeat{}, err
	}
	if err := checkWeight(h.Weight); err != nil {
		return Heartbeat{}, err
	}
	h.Reason, _ = l.Get("reason")
	if h.MAC, err = macOf(l); err != nil {
		return Heartbeat{}, err
	}
	if err := checkAgePlace(l); err != nil {
		return Heartbeat{}, err
	}
	return h, nil
}

// checkAgePlace wants the age bare, and last or last before the mac: only then is what cutAge finds the field that the
// parser found.
func checkAgePlace(l Line) error {
	for i, f := range l.Fields {
		if f.Key != ageKey {
			continue
		}
		switch after := l.Fields[i+1:]; {
		case f.Quoted:
			return malformed("the age stands in quotes")
		case len(after) > 0 && after[0].Key != macKey:
			return malformed("the age is followed by %s= (only the mac comes after it)", after[0].Key)
		}
	}
	return nil
}

// AppendText appends the heartbeat's line without an end to dst, its age and then its mac last where it has them. The
// error wraps ErrMalformed and names the part that can't be sent, or is ErrTooLong.
func (h Heartbeat) AppendText(dst []byte) ([]byte, error) {
	if err := checkState(h.State); err != nil {
		return dst, err
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
	if err := checkMAC(h.MAC); err != nil {
		return dst, err
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
	number(ageKey, h.Age)
	if h.MAC != "" {
		add(macKey, h.MAC)
	}
	return l.AppendText(dst)
}

// String returns the heartbeat's line, or in parentheses why there is none.
func (h Heartbeat) String() string { return textOf(h.AppendText(nil)) }

// SignHeartbeat appends to a heartbeat's line its mac with the sender's key: HMAC-SHA256(key, line). The line is without
// its end, and has neither mac nor age, which the mac would not cover. The error is ErrTooLong where the line would
// become longer than MaxLine.
func SignHeartbeat(line, key []byte) ([]byte, error) { return appendMAC(line, mac(key, line)) }

// VerifyHeartbeat tells whether a heartbeat's line, exactly as received but for its end, carries a mac that one of the
// keys makes. The mac covers the line without its last " mac=" and the age before that, if a relay put one. Macs are
// compared in constant time. The error wraps ErrNoMAC or ErrBadMAC.
//
// For a line that ParseHeartbeat took, what is verified is all that was parsed but the age.
func VerifyHeartbeat(line []byte, keys ...[]byte) error {
	covered, given, ok := cutMAC(line)
	if !ok {
		return fmt.Errorf("%w: the sender has no key, or the line isn't the sender's", ErrNoMAC)
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
// or last where it has none. What is under a millisecond is cut off. The line is one that ParseHeartbeat took and that
// has no age yet; with it, it may be longer than MaxLine if it was longer than MaxHeartbeat.
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
	if i < 0 {
		return line
	}
	if digits := line[i+len(ageField):]; len(digits) == 0 || len(bytes.Trim(digits, "0123456789")) > 0 {
		return line
	}
	return line[:i]
}

// CutHeartbeat returns the one line, without its end, of a heartbeat's datagram. The error wraps ErrTooLong or
// ErrMalformed.
func CutHeartbeat(datagram []byte) (line []byte, err error) {
	line, rest, err := cutDatagramLine(datagram)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, malformed("after the heartbeat's line come %d bytes more", len(rest))
	}
	return line, nil
}
