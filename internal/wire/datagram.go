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

// ParseKey reads a sender's key from the bytes of its file: 64 lower-case hex digits, and perhaps a line end. The error
// wraps ErrMalformed; it never repeats what it read, which may be a secret.
func ParseKey(text []byte) ([]byte, error) {
	digits := string(bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r")))
	if !isHex(digits, 2*KeySize) {
		return nil, &worded{
			fmt.Sprintf("not a key: %d lower-case hex digits are wanted, as mainstay secret derive prints them", 2*KeySize),
			ErrMalformed,
		}
	}
	return hex.DecodeString(digits)
}

// FormatInstance writes the start of a program, in Unix milliseconds, as HEARTBEAT/1 and RELAY/1 do: 16 lower-case hex
// digits.
func FormatInstance(start uint64) string { return fmt.Sprintf("%016x", start) }

// ParseInstance reads what FormatInstance writes. The error wraps ErrMalformed.
func ParseInstance(text string) (uint64, error) {
	if !isHex(text, 16) {
		return 0, malformed("the instance is %s, not 16 lower-case hex digits", clip(text))
	}
	return strconv.ParseUint(text, 16, 64)
}

// startOf returns the instance of a parsed line of HEARTBEAT/1 or RELAY/1, which it must have.
func startOf(l Line) (uint64, error) {
	text, given := l.Get("instance")
	if !given {
		return 0, malformed("instance= is missing")
	}
	return ParseInstance(text)
}

// IsRelay tells whether a datagram begins as those of relays do, in whatever version. Others are taken for heartbeats.
func IsRelay(datagram []byte) bool { return bytes.HasPrefix(datagram, []byte(relayPrefix)) }

// cutDatagramLine takes the first line off a datagram. In a datagram every line has its end.
func cutDatagramLine(datagram []byte) (line, rest []byte, err error) {
	switch {
	case len(datagram) > MaxDatagram:
		return nil, nil, errDatagramTooLong
	case len(datagram) == 0:
		return nil, nil, malformed("the datagram is empty")
	}
	line, rest, err = CutLine(datagram)
	if err == nil && line == nil {
		err = malformed("the datagram's last line has no end")
	}
	return line, rest, err
}
