package wire

import (
	"encoding/hex"
	"fmt"
	"io"
)

// nonceBytes is the number of random bytes in a nonce; it is written as twice as many digits.
const nonceBytes = 16

// NewNonce makes a nonce of 32 lower-case hex digits from 16 bytes of random, which is crypto/rand.Reader outside of
// tests.
func NewNonce(random io.Reader) (string, error) {
	var raw [nonceBytes]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return "", fmt.Errorf("make a nonce: %w", err)
	}
	return hex.EncodeToString(raw[:]), nil
}

// ValidNonce tells whether s is 32 lower-case hex digits.
func ValidNonce(s string) bool { return isHex(s, 2*nonceBytes) }

// isHex tells whether s is exactly digits lower-case hex digits.
func isHex(s string, digits int) bool {
	if len(s) != digits {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
