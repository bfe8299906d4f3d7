package house

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/config"
)

// docHost is the host that the documentation speaks of: each secret and each
// certificate that it names is there, as it should be, and so is each program.
type docHost struct{ certificate []byte }

var _ config.Host = docHost{}

const (
	mainstayUser = 990
	nobodyUser   = 65534
)

// ReadFile returns what the name of the file promises.
func (h docHost) ReadFile(path string, _ int64) ([]byte, config.FileStatus, error) {
	switch filepath.Ext(path) {
	case ".key", ".new", ".old":
		return []byte(strings.Repeat("0123456789abcdef", 4) + "\n"), config.FileStatus{Mode: 0o640}, nil
	case ".pass":
		return []byte("secret12\n"), config.FileStatus{Mode: 0o640}, nil
	case ".pem":
		return h.certificate, config.FileStatus{Mode: 0o644}, nil
	}
	return nil, config.FileStatus{}, fs.ErrNotExist
}

// Stat finds programs of root's in folders of root's.
func (docHost) Stat(path string) (config.FileStatus, error) {
	if strings.HasSuffix(path, "/bin") || path == "/usr/local" || path == "/usr" || path == "/" {
		return config.FileStatus{Mode: fs.ModeDir | 0o755}, nil
	}
	return config.FileStatus{Mode: 0o755}, nil
}

func (docHost) Name() (string, error) { return "lb-a", nil }

func (docHost) User() int { return mainstayUser }

func (docHost) LookupUser(name string) (int, error) {
	switch name {
	case "mainstay":
		return mainstayUser, nil
	case "nobody":
		return nobodyUser, nil
	}
	return 0, errors.New("no such user")
}

// newDocHost makes the host, with a certificate.
var newDocHost = sync.OnceValues(func() (docHost, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return docHost{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		return docHost{}, err
	}
	return docHost{pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}, nil
})

// parseConfig parses a configuration file as the documentation's host would.
func parseConfig(t *testing.T, name, text string) (*config.Config, config.Problems) {
	t.Helper()
	host, err := newDocHost()
	if err != nil {
		t.Fatal(err)
	}
	return config.Parse(name, []byte(text), host)
}
