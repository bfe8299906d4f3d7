package wire

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

const (
	// macKey is the key of the field that holds the message authentication code, always a line's last.
	macKey = "mac"
	// macDigits is the length of a mac: HMAC-SHA256 in lower-case hex.
	macDigits = 2 * sha256.Size
	// macField is what stands between what a mac covers and the mac itself.
	macField = " " + macKey + "="
)

// Sign appends to answer its mac for request: HMAC-SHA256(secret, request + "\n" + answer), as the field mac=. Both are
// lines without their ends, request the exact bytes that were received; under watch, those of the latest watch line.
// Answer has no mac yet. The error is ErrTooLong where the line would become longer than MaxLine.
func Sign(request, answer, secret []byte) ([]byte, error) {
	return appendMAC(answer, mac(secret, request, []byte("\n"), answer))
}

// appendMAC appends to a line the field mac= with the sum.
func appendMAC(line, sum []byte) ([]byte, error) {
	if len(line)+len(macField)+macDigits > maxContent {
		return line, ErrTooLong
	}
	return hex.AppendEncode(append(line, macField...), sum), nil
}

// Verify tells whether answer carries a mac that one of the secrets makes for request. Both are the exact bytes sent
// and received, without their ends; what the mac covers ends before the last " mac=" of the answer. Macs are compared
// in constant time. The error wraps ErrNoMAC or ErrBadMAC.
func Verify(request, answer []byte, secrets ...[]byte) error {
	covered, given, ok := cutMAC(answer)
	if !ok {
		return fmt.Errorf("%w: the program has no secret, or the answer isn't the program's", ErrNoMAC)
	}
	for _, secret := range secrets {
		if hmac.Equal(given, mac(secret, request, []byte("\n"), covered)) {
			return nil
		}
	}
	return fmt.Errorf("%w: the program has another secret, or the answer isn't to this request", ErrBadMAC)
}

// cutMAC splits a line before its last " mac=" and decodes what follows. It is not ok where there is no mac, or
// something other than one follows.
func cutMAC(line []byte) (covered, sum []byte, ok bool) {
	i := bytes.LastIndex(line, []byte(macField))
	if i < 0 {
		return nil, nil, false
	}
	digits := line[i+len(macField):]
	if !isHex(string(digits), macDigits) {
		return nil, nil, false
	}
	sum, err := hex.AppendDecode(nil, digits)
	return line[:i], sum, err == nil
}

// macOf returns the mac of a parsed line, empty where it has none. A mac is the line's last field, bare, 64 digits:
// only then is what cutMAC finds the field that the parser found.
func macOf(l Line) (string, error) {
	value, given := l.Get(macKey)
	if !given {
		return "", nil
	}
	if last := l.Fields[len(l.Fields)-1]; last.Key != macKey {
		return "", malformed("the mac is followed by %s= (the mac comes last)", last.Key)
	} else if last.Quoted {
		return "", malformed("the mac stands in quotes")
	}
	return value, checkMAC(value)
}

// checkMAC says what keeps value from being a mac. An empty one is none at all.
func checkMAC(value string) error {
	if value != "" && !isHex(value, macDigits) {
		return malformed("the mac is %s, not %d lower-case hex digits", clip(value), macDigits)
	}
	return nil
}

// mac returns HMAC-SHA256 of the parts, one after the other.
func mac(secret []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, secret)
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(nil)
}
