package checker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// handshake connects and speaks TLS as far as the end of the handshake.
type handshake struct{ transport }

func prepareTLS(s Spec, o TLS, _ Config) (probe, error) {
	t, err := newTransport(s, &o)
	if err != nil {
		return nil, err
	}
	return handshake{t}, nil
}

func (p handshake) run(ctx context.Context, t *transcript) Result {
	c, bad := p.open(ctx, t)
	if c == nil {
		return bad
	}
	c.Close()
	return success()
}

// transport is how a check connects: over TCP, or over TLS.
type transport struct {
	target  netip.AddrPort
	timeout time.Duration
	tls     *tls.Config // nil: TCP
}

func newTransport(s Spec, o *TLS) (transport, error) {
	t := transport{target: s.Target, timeout: s.Timing.Timeout}
	if o == nil {
		return t, nil
	}
	config, err := o.config(s.Target.Addr())
	t.tls = config
	return t, err
}

// config is what crypto/tls is told.
func (o *TLS) config(target netip.Addr) (*tls.Config, error) {
	c := &tls.Config{
		ServerName:         o.ServerName,
		InsecureSkipVerify: o.InsecureSkipVerify,
		NextProtos:         o.ALPN,
	}
	if c.ServerName == "" {
		c.ServerName = target.Unmap().WithZone("").String()
	}
	for _, protocol := range o.ALPN {
		if protocol == "" || len(protocol) > 255 {
			return nil, fmt.Errorf("the ALPN protocol %q is not 1 to 255 bytes long", protocol)
		}
	}
	if len(o.RootCAs) > 0 {
		pool, err := rootPool(o.RootCAs)
		if err != nil {
			return nil, err
		}
		c.RootCAs = pool
	}
	if len(o.Certificate) > 0 || len(o.Key) > 0 {
		pair, err := tls.X509KeyPair(o.Certificate, o.Key)
		if err != nil {
			return nil, fmt.Errorf("the client's certificate and key are no pair in PEM: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// open connects, and does the handshake where there is one. The connection works
// until ctx ends. Where it is nil, the result says why.
func (t transport) open(ctx context.Context, kept *transcript) (net.Conn, Result) {
	c, err := dial(ctx, t.target)
	if err != nil {
		return nil, trouble(err, connecting, t.timeout)
	}
	if t.tls == nil {
		return kept.of(c), Result{}
	}
	secure := tls.Client(c, t.tls)
	if err := secure.Handshake(); err != nil {
		c.Close()
		return nil, t.tlsTrouble(err)
	}
	return kept.of(secure), Result{}
}

// tlsTrouble turns an error of a handshake into a result.
func (t transport) tlsTrouble(err error) Result {
	var (
		invalid   x509.CertificateInvalidError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		roots     x509.SystemRootsError
		record    tls.RecordHeaderError
		alert     *net.OpError
		errno     syscall.Errno
	)
	switch {
	case errors.As(err, &roots):
		return inconclusive("this host has no root certificates: install its package ca-certificates, or name a ca_file")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		if time.Now().Before(invalid.Cert.NotBefore) {
			return failed("certificate is not valid before " + invalid.Cert.NotBefore.UTC().Format(time.RFC3339))
		}
		return failed("certificate has expired: it was valid until " + invalid.Cert.NotAfter.UTC().Format(time.RFC3339))
	case errors.As(err, &invalid):
		return failed("certificate is invalid: " + plain(invalid))
	case errors.As(err, &authority):
		return failed("certificate is signed by an unknown authority")
	case errors.As(err, &hostname):
		return failed("certificate is not for " + clean(hostname.Host))
	case errors.As(err, &record):
		return failed("the server does not speak TLS")
	case errors.As(err, &alert) && alert.Op == "remote error":
		return failed("the server broke off the TLS handshake: " + plain(alert.Err))
	case errors.As(err, &errno), errors.Is(err, io.EOF), errors.Is(err, context.Canceled), errors.Is(err, os.ErrDeadlineExceeded):
		return trouble(err, handshaking, t.timeout)
	}
	return failed("TLS handshake failed: " + plain(err))
}
