package checker

import (
	"bytes"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// plainAnswer is an answer as far as a watch looks at it. Its bytes are the line's.
type plainAnswer struct {
	state    wire.State
	weight   wire.Optional
	service  []byte
	instance []byte
	reason   []byte
	seq      uint64
}

// plainOf is an answer that wire has read.
func plainOf(a wire.Answer) plainAnswer {
	return plainAnswer{
		state: a.State, weight: a.Weight, seq: a.Seq,
		service: []byte(a.Service), instance: []byte(a.Instance), reason: []byte(a.Reason),
	}
}

// readPlain reads an answer that holds nothing unusual, without allocating. It is not
// ok where it does, or where anything is wrong with it: then [wire.ParseAnswer] reads
// the line, or says what is wrong. What it reads it reads as ParseAnswer does.
func readPlain(line []byte) (a plainAnswer, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte("MONITOR/1 "))
	if !ok || len(line) >= wire.MaxLine {
		return a, false
	}
	i := bytes.IndexByte(rest, ' ')
	if i < 0 {
		return a, false
	}
	switch string(rest[:i]) {
	case "up":
		a.state = wire.Up
	case "down":
		a.state = wire.Down
	case "drain":
		a.state = wire.Drain
	case "maint":
		a.state = wire.Maint
	case "starting":
		a.state = wire.Starting
	default:
		return a, false
	}
	var seen plainKey
	for more := true; more; {
		key, value, after, ok := cutPlain(rest[i+1:])
		if !ok || seen&key != 0 || seen&macKey != 0 || !a.set(key, value) {
			return a, false
		}
		seen |= key
		rest, i, more = after, 0, len(after) > 0
	}
	const wanted = serviceKey | instanceKey | seqKey
	return a, seen&wanted == wanted
}

// plainKey is one of the keys that an answer has, as a bit.
type plainKey uint16

const (
	serviceKey plainKey = 1 << iota
	instanceKey
	seqKey
	weightKey
	connsKey
	servedKey
	failedKey
	reasonKey
	macKey
)

func plainKeyOf(key []byte) plainKey {
	switch string(key) {
	case "service":
		return serviceKey
	case "instance":
		return instanceKey
	case "seq":
		return seqKey
	case "weight":
		return weightKey
	case "conns":
		return connsKey
	case "served":
		return servedKey
	case "failed":
		return failedKey
	case "reason":
		return reasonKey
	case "mac":
		return macKey
	}
	return 0
}

// cutPlain cuts key=value off the beginning of a line. What is left begins with a
// space, or is empty. Values are as they stand: one with an escape is not plain.
func cutPlain(s []byte) (key plainKey, value, rest []byte, ok bool) {
	i := bytes.IndexByte(s[:min(len(s), 9)], '=')
	if i < 0 || i+1 == len(s) {
		return 0, nil, nil, false
	}
	if key = plainKeyOf(s[:i]); key == 0 {
		return 0, nil, nil, false
	}
	s = s[i+1:]
	if s[0] != '"' {
		for i = 0; i < len(s) && plainBytes[s[i]]&bareByte != 0; i++ {
		}
		value, rest = s[:i], s[i:]
		return key, value, rest, i > 0 && i <= wire.MaxName && (len(rest) == 0 || rest[0] == ' ')
	}
	for i = 1; i < len(s) && plainBytes[s[i]]&quotedByte != 0; i++ {
	}
	if i == len(s) || s[i] != '"' || key == macKey {
		return 0, nil, nil, false
	}
	value, rest = s[1:i], s[i+1:]
	return key, value, rest, len(rest) == 0 || rest[0] == ' '
}

const (
	bareByte   = 1 << iota // may stand in a value without quotes
	quotedByte             // may stand in a quoted one, and is no escape
)

var plainBytes = func() (kinds [256]uint8) {
	for c := byte(0x20); c <= 0x7e; c++ {
		if c != '"' && c != '\\' {
			kinds[c] |= quotedByte
		}
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || bytes.IndexByte([]byte("._:/+-[]"), c) >= 0 {
			kinds[c] |= bareByte
		}
	}
	return kinds
}()

// set takes a field in, if it is right.
func (a *plainAnswer) set(key plainKey, value []byte) (ok bool) {
	switch key {
	case serviceKey, instanceKey:
		if len(value) == 0 || len(value) > wire.MaxName {
			return false
		}
		if key == serviceKey {
			a.service = value
		} else {
			a.instance = value
		}
		return true
	case seqKey:
		a.seq, ok = plainNumber(value)
		return ok
	case weightKey:
		n, ok := plainNumber(value)
		a.weight = wire.Some(n)
		return ok && n <= 100
	case connsKey, servedKey, failedKey:
		_, ok := plainNumber(value)
		return ok
	case reasonKey:
		a.reason = value
		return true
	}
	return key == macKey && plainMAC(value)
}

// plainNumber reads a number of at most 19 digits: those fit into 64 bits.
func plainNumber(digits []byte) (n uint64, ok bool) {
	if len(digits) == 0 || len(digits) > 19 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + uint64(c-'0')
	}
	return n, true
}

// plainMAC tells whether a mac has the form of one.
func plainMAC(digits []byte) bool {
	if len(digits) != 64 {
		return false
	}
	for _, c := range digits {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
