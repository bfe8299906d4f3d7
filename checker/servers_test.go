package checker

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// serve listens on loopback and gives each connection to handle, which may keep it as
// long as it likes: it is closed when handle returns, or else at the end of the test.
func serve(t testing.TB, handle func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, l, handle)
}

func serveOn(t testing.TB, l net.Listener, handle func(net.Conn)) netip.AddrPort {
	var (
		all   sync.WaitGroup
		mu    sync.Mutex
		conns []net.Conn
		over  bool
	)
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			if over {
				c.Close()
			}
			mu.Unlock()
			all.Go(func() {
				defer c.Close()
				handle(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		over = true
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return netip.MustParseAddrPort(l.Addr().String())
}

// nobodyThere is a loopback address where nobody listens.
func nobodyThere(t testing.TB) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String())
}

// silent says nothing until the client gives up.
func silent(c net.Conn) { io.Copy(io.Discard, c) }

// telling sends text, and then keeps the connection open.
func telling(text string) func(net.Conn) {
	return func(c net.Conn) {
		io.WriteString(c, text)
		silent(c)
	}
}

// hangingUp sends text and closes its side of the connection.
func hangingUp(text string) func(net.Conn) {
	return func(c net.Conn) {
		io.WriteString(c, text)
		c.(interface{ CloseWrite() error }).CloseWrite()
		silent(c)
	}
}

// resetting reads something and resets the connection.
func resetting(c net.Conn) {
	c.Read(make([]byte, 1))
	c.(*net.TCPConn).SetLinger(0)
}

// dripping sends text and then filler, a byte at a time, for ever.
func dripping(text string, filler byte) func(net.Conn) {
	return func(c net.Conn) {
		pace := time.NewTicker(10 * time.Millisecond)
		defer pace.Stop()
		for i := 0; ; i++ {
			b := []byte{filler}
			if i < len(text) {
				b[0] = text[i]
			}
			if _, err := c.Write(b); err != nil {
				return
			}
			<-pace.C
		}
	}
}

// flooding sends text and then filler, as fast as it goes, for ever.
func flooding(text, filler string) func(net.Conn) {
	return func(c net.Conn) {
		w := bufio.NewWriterSize(c, 64<<10)
		io.WriteString(w, text)
		for {
			if _, err := io.WriteString(w, filler); err != nil {
				return
			}
		}
	}
}

// identity is a certificate, its key, and what signed it.
type identity struct{ cert, key, ca []byte } // PEM

func (id identity) pair(t testing.TB) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(id.cert, id.key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// identify makes a certificate for 127.0.0.1 and a.example, changed by change.
func identify(t testing.TB, change func(*x509.Certificate)) identity {
	t.Helper()
	newKey := func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	sign := func(template, parent *x509.Certificate, of, by *ecdsa.PrivateKey) []byte {
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &of.PublicKey, by)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	now := time.Now()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true,
		BasicConstraintsValid: true, NotBefore: now.Add(-time.Hour * 1000), NotAfter: now.Add(time.Hour * 1000),
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		DNSNames: []string{"a.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if change != nil {
		change(leaf)
	}
	caKey, key := newKey(), newKey()
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return identity{
		cert: sign(leaf, ca, key, caKey),
		key:  pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}),
		ca:   sign(ca, ca, caKey, caKey),
	}
}

// serveTLS is serve over TLS.
func serveTLS(t testing.TB, config *tls.Config, handle func(net.Conn)) netip.AddrPort {
	t.Helper()
	return serve(t, func(c net.Conn) {
		secure := tls.Server(c, config)
		if secure.Handshake() == nil {
			handle(secure)
			secure.Close()
		}
	})
}
