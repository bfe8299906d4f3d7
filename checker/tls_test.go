package checker

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"testing"
	"time"
)

func TestTLS(t *testing.T) {
	good := identify(t, nil)
	other := identify(t, nil)
	client := identify(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	until := time.Now().Add(-time.Minute).Truncate(time.Second).UTC()
	expired := identify(t, func(c *x509.Certificate) { c.NotAfter = until })
	from := time.Now().Add(time.Hour).Truncate(time.Second).UTC()
	early := identify(t, func(c *x509.Certificate) { c.NotBefore, c.NotAfter = from, from.Add(time.Hour) })
	stranger := identify(t, func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"b.example"}, nil })
	serverOf := func(id identity) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{id.pair(t)}} }
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(client.ca)
	demanding := serverOf(good)
	demanding.ClientAuth, demanding.ClientCAs, demanding.MaxVersion = tls.RequireAndVerifyClientCert, clients, tls.VersionTLS12
	old := serverOf(good)
	old.MinVersion, old.MaxVersion = tls.VersionTLS11, tls.VersionTLS11
	http1 := serverOf(good)
	http1.NextProtos = []string{"http/1.1"}

	for _, c := range []struct {
		name    string
		server  *tls.Config
		options TLS
		answer  Answer
		reason  string
	}{
		{"the address is verified", serverOf(good), TLS{RootCAs: good.ca}, Success, ""},
		{"the name is verified", serverOf(good), TLS{RootCAs: good.ca, ServerName: "a.example"}, Success, ""},
		{"another name", serverOf(good), TLS{RootCAs: good.ca, ServerName: "b.example"}, Failure, "certificate is not for b.example"},
		{"another address", serverOf(stranger), TLS{RootCAs: stranger.ca}, Failure, "certificate is not for 127.0.0.1"},
		{"another authority", serverOf(good), TLS{RootCAs: other.ca}, Failure, "certificate is signed by an unknown authority"},
		{"any certificate", serverOf(stranger), TLS{InsecureSkipVerify: true}, Success, ""},
		{"expired", serverOf(expired), TLS{RootCAs: expired.ca}, Failure, "certificate has expired: it was valid until " + until.Format(time.RFC3339)},
		{"not valid yet", serverOf(early), TLS{RootCAs: early.ca}, Failure, "certificate is not valid before " + from.Format(time.RFC3339)},
		{"the server wants a certificate", demanding, TLS{RootCAs: good.ca}, Failure, "the server broke off the TLS handshake: handshake failure"},
		{"the server gets its certificate", demanding, TLS{RootCAs: good.ca, Certificate: client.cert, Key: client.key}, Success, ""},
		{"too old", old, TLS{RootCAs: good.ca}, Failure, "the server broke off the TLS handshake: protocol version not supported"},
		{"a protocol in common", http1, TLS{RootCAs: good.ca, ALPN: []string{"h2", "http/1.1"}}, Success, ""},
		{"no protocol in common", http1, TLS{RootCAs: good.ca, ALPN: []string{"h2"}}, Failure, "the server broke off the TLS handshake: no application protocol"},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := serveTLS(t, c.server, silent)
			expect(t, once(Spec{Target: target, Options: c.options, Timing: patient}), c.answer, c.reason)
		})
	}
	expect(t, once(Spec{Target: nobodyThere(t), Options: TLS{}, Timing: patient}), Failure, "connection refused")
}

func TestTLSSendsTheServersName(t *testing.T) {
	id := identify(t, nil)
	names := make(chan string, 1)
	config := &tls.Config{
		Certificates: []tls.Certificate{id.pair(t)},
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			names <- hello.ServerName
			return nil, nil
		},
	}
	target := serveTLS(t, config, silent)
	for _, want := range []string{"a.example", ""} { // an address is never sent
		once(Spec{Target: target, Options: TLS{RootCAs: id.ca, ServerName: want}, Timing: patient})
		if got := <-names; got != want {
			t.Errorf("the server heard %q, want %q", got, want)
		}
	}
}

// TLS carries HTTP and exchanges as well, and what the transcript keeps is what was
// said, not what was sealed.
func TestOverTLS(t *testing.T) {
	id := identify(t, nil)
	config := &tls.Config{Certificates: []tls.Certificate{id.pair(t)}, NextProtos: []string{"http/1.1"}}
	target := serveTLS(t, config, func(c net.Conn) {
		c.Read(make([]byte, 1024))
		c.Write([]byte("HTTP/1.1 204 No Content\r\n\r\n"))
	})
	secure := &TLS{RootCAs: id.ca}
	r := once(Spec{Target: target, Options: HTTP{Method: "GET", Path: "/x", Status: []StatusRange{{204, 204}}, TLS: secure}, Timing: patient})
	expect(t, r, Success, "")
	if !strings.HasPrefix(string(r.Sent), "GET /x HTTP/1.1\r\n") || !strings.HasPrefix(string(r.Read), "HTTP/1.1 204") {
		t.Errorf("sent %q, read %q", r.Sent, r.Read)
	}
	step := Step{Send: []byte("hello")}
	r = once(Spec{Target: target, Options: Exchange{Steps: []Step{step, {ExpectBytes: []byte("HTTP"), Mask: []byte("\xff\xff\xff\xff")}}, TLS: secure}, Timing: patient})
	expect(t, r, Success, "")
	if string(r.Sent) != "hello" {
		t.Errorf("sent %q", r.Sent)
	}
}

func TestChecksShareTheirRootCertificates(t *testing.T) {
	id, other := identify(t, nil), identify(t, nil)
	first, err := rootPool(id.ca)
	if err != nil {
		t.Fatal(err)
	}
	second, err := rootPool(append([]byte(nil), id.ca...))
	if err != nil || second != first {
		t.Errorf("another pool for the same text, error %v", err)
	}
	if third, err := rootPool(other.ca); err != nil || third == first {
		t.Errorf("the same pool for another text, error %v", err)
	}
}
