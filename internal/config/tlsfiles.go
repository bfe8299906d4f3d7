package config

import (
	"crypto/tls"
	"crypto/x509"

	"github.com/mainstay-lvs/mainstay/checker"
)

// maxPEM bounds the size of a file of certificates or keys; a system's whole
// list of authorities is a quarter of it.
const maxPEM = 1 << 20

// tls reads the files that the keys of TLS name.
func (r *resolver) tls(t TLSKeys) checker.TLS {
	options := checker.TLS{
		ServerName:         t.ServerName.V,
		RootCAs:            r.readPEM(t.CAFile),
		Certificate:        r.readPEM(t.CertFile),
		Key:                r.readPEM(t.KeyFile),
		InsecureSkipVerify: t.InsecureSkipVerify.V,
	}
	for _, protocol := range t.ALPN.V {
		options.ALPN = append(options.ALPN, protocol.V)
	}
	if options.RootCAs != nil && !x509.NewCertPool().AppendCertsFromPEM(options.RootCAs) {
		r.errorf(t.CAFile.at, "%s holds no certificate (want PEM: -----BEGIN CERTIFICATE-----)", t.CAFile.V)
	}
	switch {
	case t.CertFile.Given && !t.KeyFile.Given && !t.KeyFile.bad:
		r.errorf(t.CertFile.at, "is given without a key (want key_file as well)")
	case t.KeyFile.Given && !t.CertFile.Given && !t.CertFile.bad:
		r.errorf(t.KeyFile.at, "is given without a certificate (want cert_file as well)")
	case options.Certificate != nil && options.Key != nil:
		if _, err := tls.X509KeyPair(options.Certificate, options.Key); err != nil {
			r.errorf(t.CertFile.at, "%s and %s are no pair: %v (want a PEM certificate and its key)", t.CertFile.V, t.KeyFile.V, err)
		}
	}
	return options
}

// readPEM reads a file of certificates or of a key, each file once: thousands of
// checks may name the same.
func (r *resolver) readPEM(path Value[string]) []byte {
	if !path.Given || path.bad {
		return nil
	}
	if text, ok := r.pems[path.V]; ok {
		return text
	}
	text, _, err := r.host.ReadFile(path.V, maxPEM)
	if err != nil {
		r.errorf(path.at, "%s %v", path.V, err)
		return nil
	}
	r.pems[path.V] = text
	return text
}
