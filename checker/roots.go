package checker

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"sync"
	"weak"
)

// roots shares certificate pools among checks: thousands of them often name one file
// of a hundred certificates, which takes milliseconds to read and much memory to keep.
// A pool that no check holds any more is forgotten; its entry here stays, of a few
// bytes, one for each text that there ever was.
var roots struct {
	sync.Mutex
	pools map[[sha256.Size]byte]weak.Pointer[x509.CertPool]
}

// rootPool returns the pool of the certificates in a PEM text.
func rootPool(pem []byte) (*x509.CertPool, error) {
	key := sha256.Sum256(pem)
	roots.Lock()
	defer roots.Unlock()
	if pool := roots.pools[key].Value(); pool != nil {
		return pool, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("the root certificates hold no certificate in PEM")
	}
	if roots.pools == nil {
		roots.pools = make(map[[sha256.Size]byte]weak.Pointer[x509.CertPool])
	}
	roots.pools[key] = weak.Make(pool)
	return pool, nil
}
