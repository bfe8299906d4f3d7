package config

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"strings"
	"sync"
	"time"
)

// fakeHost is a host in memory.
type fakeHost struct {
	files map[string]fakeFile
	users map[string]int
	uid   int
	name  string
}

type fakeFile struct {
	text string
	mode fs.FileMode
	uid  int
	gid  int
	err  error
}

var _ Host = (*fakeHost)(nil)

func (h *fakeHost) ReadFile(path string, limit int64) ([]byte, FileStatus, error) {
	f, ok := h.files[path]
	switch {
	case !ok:
		return nil, FileStatus{}, describeError(fs.ErrNotExist)
	case f.err != nil:
		return nil, FileStatus{}, describeError(f.err)
	case int64(len(f.text)) > limit:
		return nil, FileStatus{}, tooLarge(limit)
	}
	return []byte(f.text), FileStatus{Mode: f.mode, UID: f.uid, GID: f.gid}, nil
}

func (h *fakeHost) Stat(path string) (FileStatus, error) {
	f, ok := h.files[path]
	switch {
	case !ok:
		return FileStatus{}, describeError(fs.ErrNotExist)
	case f.err != nil:
		return FileStatus{}, describeError(f.err)
	}
	return FileStatus{Mode: f.mode, UID: f.uid, GID: f.gid}, nil
}

func (h *fakeHost) Name() (string, error) {
	if h.name == "" {
		return "", errors.New("no name")
	}
	return h.name, nil
}

func (h *fakeHost) User() int { return h.uid }

func (h *fakeHost) LookupUser(name string) (int, error) {
	uid, ok := h.users[name]
	if !ok {
		return 0, errors.New("no such user")
	}
	return uid, nil
}

// The users of the fake host.
const (
	mainstayUser = 990
	nobodyUser   = 65534
	strangerUser = 1001
)

// Secrets of the fake host.
const (
	fleetKey = "a secret of the whole fleet"
	rackNew  = "the secret of the rack, from now on"
	rackOld  = "the secret of the rack, until now"
	relayKey = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" // derived for a relay
	vrrpPass = "pa ss:wd"                                                         // 8 bytes, the longest
)

// newHost is the host of all tests here: its daemon runs as the user mainstay.
func newHost() *fakeHost {
	pems := testPEMs()
	return &fakeHost{
		name:  "lb-a",
		uid:   mainstayUser,
		users: map[string]int{"root": 0, "mainstay": mainstayUser, "nobody": nobodyUser},
		files: map[string]fakeFile{
			"/etc/mainstay/fleet.key":    {text: fleetKey + "\n", mode: 0o640},
			"/etc/mainstay/rack.new":     {text: rackNew, mode: 0o600, uid: mainstayUser},
			"/etc/mainstay/rack.old":     {text: rackOld + "\n", mode: 0o400, uid: mainstayUser},
			"/etc/mainstay/rack.key":     {text: relayKey + "\n", mode: 0o640},
			"/etc/mainstay/short.key":    {text: "fifteen letters\n", mode: 0o600},
			"/etc/mainstay/open.key":     {text: fleetKey, mode: 0o644},
			"/etc/mainstay/odd.key":      {text: fleetKey, mode: 0o046},
			"/etc/mainstay/group.key":    {text: fleetKey, mode: 0o660},
			"/etc/mainstay/stranger.key": {text: fleetKey, mode: 0o600, uid: strangerUser},
			"/etc/mainstay/sealed.key":   {err: fs.ErrPermission},
			"/etc/mainstay/huge.key":     {text: strings.Repeat("x", maxSecret+1), mode: 0o600},
			"/etc/mainstay/vrrp.pass":    {text: vrrpPass + "\n", mode: 0o640},
			"/etc/mainstay/long.pass":    {text: "nine char\n", mode: 0o640},
			"/etc/mainstay/empty.pass":   {text: "\n", mode: 0o640},
			"/etc/mainstay/zero.pass":    {text: "a\x00b", mode: 0o640},
			"/etc/mainstay/open.pass":    {text: vrrpPass, mode: 0o644},
			"/etc/mainstay/ca.pem":       {text: pems.certificate, mode: 0o644},
			"/etc/mainstay/client.pem":   {text: pems.certificate, mode: 0o644},
			"/etc/mainstay/client.key":   {text: pems.key, mode: 0o600},
			"/etc/mainstay/other.key":    {text: pems.otherKey, mode: 0o600},
			"/etc/mainstay/junk.pem":     {text: "junk", mode: 0o644},
			"/usr/local/bin":             {mode: fs.ModeDir | 0o755},
			"/usr/local/bin/ok":          {mode: 0o755},
			"/usr/local/bin/open":        {mode: 0o757},
			"/usr/local/bin/staffs":      {mode: 0o775, gid: 50},
			"/usr/local/bin/roots":       {mode: 0o775}, // the group is root's
			"/srv/shared":                {mode: fs.ModeDir | 0o777},
			"/srv/shared/ok":             {mode: 0o755},
			"/tmp":                       {mode: fs.ModeDir | fs.ModeSticky | 0o777},
			"/tmp/ok":                    {mode: 0o755},
			"/usr/local/bin/theirs":      {mode: 0o755, uid: strangerUser},
			"/usr/local/bin/nobodys":     {mode: 0o755, uid: nobodyUser},
			"/usr/local/bin/data":        {mode: 0o644},
			"/root/sealed":               {err: fs.ErrPermission},
		},
	}
}

type pems struct{ certificate, key, otherKey string }

// testPEMs makes a certificate, its key, and a key that is not its.
var testPEMs = sync.OnceValue(func() pems {
	must := func(b []byte, err error) []byte {
		if err != nil {
			panic(err)
		}
		return b
	}
	newKey := func() (ed25519.PrivateKey, string) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			panic(err)
		}
		return key, encode("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key)))
	}
	key, keyText := newKey()
	_, otherText := newKey()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true}
	certificate := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	return pems{encode("CERTIFICATE", certificate), keyText, otherText}
})

func encode(kind string, bytesOf []byte) string {
	var b bytes.Buffer
	if err := pem.Encode(&b, &pem.Block{Type: kind, Bytes: bytesOf}); err != nil {
		panic(err)
	}
	return b.String()
}
