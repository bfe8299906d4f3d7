package checker

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	hexadecimal "encoding/hex"
	"hash"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// keyring holds secrets made ready, for all watches of a loop: to make one ready costs as
// much as to use it.
type keyring map[string]hash.Hash

// verifier returns what tells whether an answer's mac is one that the secrets make for a
// request. Only one may be at work at a time, of all that come from a keyring.
func (k keyring) verifier(secrets [][]byte) func(request, answer []byte) error {
	var hashes []hash.Hash
	for _, secret := range secrets {
		h, ok := k[string(secret)]
		if !ok {
			h = hmac.New(sha256.New, secret)
			k[string(secret)] = h
		}
		hashes = append(hashes, h)
	}
	return func(request, answer []byte) error {
		for _, h := range hashes {
			if signs(h, request, answer) {
				return nil
			}
		}
		return wire.Verify(request, answer, secrets...) // which says what is wrong
	}
}

// signs tells whether the mac at the end of an answer is right.
func signs(h hash.Hash, request, answer []byte) bool {
	var given, wanted [sha256.Size]byte
	end := len(answer) - hexadecimal.EncodedLen(sha256.Size)
	if end < 0 {
		return false
	}
	covered, ok := bytes.CutSuffix(answer[:end], []byte(" mac="))
	if !ok {
		return false
	}
	if _, err := hexadecimal.Decode(given[:], answer[end:]); err != nil {
		return false
	}
	h.Reset()
	h.Write(request)
	h.Write([]byte("\n"))
	h.Write(covered)
	return hmac.Equal(given[:], h.Sum(wanted[:0]))
}
