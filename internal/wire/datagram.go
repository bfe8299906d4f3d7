package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
)

const (
	// MaxDatagram is the longest datagram in bytes, so that none is cut up on its way.
	MaxDatagram = 1200
	// KeySize is the length of a sender's key in bytes.
	KeySize = sha256.Size
	// keyContext is what a sender's key is derived over, before its id.
	keyContext = "HEARTBEAT/1 "
)

// DeriveKey returns the key of the sender with that id, K(id) = HMAC-SHA256(secret, "HEARTBEAT/1 " + id): a real
// server's for its heartbeats, a relay's for its own lines. Whoever has it can't make another's.
func DeriveKey(secret []byte, id string) []byte { return mac(secret, []byte(keyContext), []byte(id)) }

// FormatKey writes a sender's key as files hold it, 64 lower-case hex digits.
func FormatKey(key []byte) string { return hex.EncodeToString(key) }

// ParseKey reads a sender's key from the bytes of its file: 64 lower-case hex digits, and perhaps a line end.
func ParseKey(text []byte) ([]byte, error) {
	digits := string(bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r")))
	if !isHex(digits, 2*KeySize) {
		return nil, fmt.Errorf("it is not %d lower-case hex digits, as mainstay secret derive prints them", 2*KeySize)
	}
	return hex.DecodeString(digits)
}

// FormatInstance writes the start of a program, in Unix milliseconds, as HEARTBEAT/1 and RELAY/1 do: 16 lower-case hex
// digits.
func FormatInstance(start uint64) string { return fmt.Sprintf("%016x", start) }

// startOf returns the instance of a parsed line of HEARTBEAT/1 or RELAY/1.
func startOf(l Line) (uint64, error) {
	text, given := l.Get("instance")
	if !given {
		return 0, malformed("instance= is missing")
	}
	return ParseInstance(text)
}

// ParseInstance reads what FormatInstance writes. The error wraps ErrMalformed.
func ParseInstance(text string) (uint64, error) {
	if !isHex(text, 16) {
		return 0, malformed("the instance is %s, not 16 lower-case hex digits", clip(text))
	}
	return strconv.ParseUint(text, 16, 64)
}

// IsRelay tells whether a datagram begins as those of relays do, in whatever version. Others are taken for heartbeats.
func IsRelay(datagram []byte) bool { return bytes.HasPrefix(datagram, []byte("RELAY/")) }

// cutDatagramLine takes the first line off a datagram. In a datagram every line has its end.
func cutDatagramLine(datagram []byte) (line, rest []byte, err error) {
	if len(datagram) > MaxDatagram {
		return nil, nil, fmt.Errorf("%w: the datagram has more than %d", ErrTooLong, MaxDatagram)
	}
	line, rest, err = CutLine(datagram)
	if err == nil && line == nil {
		return nil, nil, malformed("the datagram's last line has no end")
	}
	return line, rest, err
}

// parseVersioned reads a line of one protocol, the version judged before the rest.
func parseVersioned(line []byte, name, protocol string) (Line, error) {
	switch first, _, _ := bytes.Cut(line, []byte(" ")); {
	case len(line) > maxContent:
		return Line{}, ErrTooLong
	case !bytes.HasPrefix(line, []byte(name+"/")):
		return Line{}, fmt.Errorf("%w: it is %s", ErrNotHeartbeat, clip(line))
	case string(first) != protocol:
		return Line{}, fmt.Errorf("%w: the line begins with %s, wanted %s", ErrVersion, clip(first), protocol)
	}
	return ParseLine(line)
}
