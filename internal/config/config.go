package config

import (
	"iter"
	"net/netip"
	"slices"
	"time"

	"github.com/mainstay-lvs/mainstay/checker"
	"github.com/mainstay-lvs/mainstay/internal/decide"
)

// DefaultPath is where the configuration file is looked for.
const DefaultPath = "/etc/mainstay/mainstay.yaml"

// Config is a configuration file, validated and complete: every default is
// filled in, every name resolved, every file that it names read. It is not
// changed after it was made.
type Config struct {
	Director Director
	Routers  []VirtualRouter // in the file's order
	Services []Service       // in the file's order
	Relay    *Relay          // for mainstay relay; nil: the file has none
	// Secrets are the bytes of each secret's files, in their order, by its name.
	Secrets map[string][][]byte
	File    *File // what the file said, for printing; it holds names and paths of secrets, never their bytes
}

// Heartbeats are the heartbeat checks of all real servers, in the file's order.
func (c *Config) Heartbeats() iter.Seq[checker.Heartbeat] {
	return func(yield func(checker.Heartbeat) bool) {
		for _, s := range c.Services {
			for _, check := range slices.Concat(s.Checks...) {
				if h, is := check.Spec.Options.(checker.Heartbeat); is && !yield(h) {
					return
				}
			}
		}
	}
}

// Director is the director itself and the daemon on it.
type Director struct {
	Name          string // the host's name unless the file gives one
	ControlSocket string
	StateDir      string
	OnStop        OnStop
	AuditInterval time.Duration // 100 ms or more
	CommandUser   string        // whom commands run as when the daemon runs as root; empty where they don't need one
	// HeartbeatListen is where heartbeats are received, where any check is one: an
	// address of this host or the unspecified one, which for IPv6 means both families.
	HeartbeatListen netip.AddrPort
}

// Relay is what mainstay relay does.
type Relay struct {
	Listen    netip.AddrPort // where heartbeats are received, as [Director]'s HeartbeatListen
	ID        string
	Key       []byte        // the relay's own, 32 bytes, derived from the directors' secret; nil: it signs nothing
	Cadence   time.Duration // from one round to the next; whole milliseconds, 10 ms to an hour
	Directors []netip.AddrPort
}

// Service is a virtual service, with what its real servers must pass.
type Service struct {
	decide.Service
	// Checks are those of each real server, in the order of Servers. None: the
	// server always counts as up.
	Checks [][]Check
}

// Check is one check of one real server.
type Check struct {
	// Name is unique among the checks of the server: the check's name in the
	// file, or its kind, with "#2", "#3" and so on for further ones of a kind.
	Name string
	Spec checker.Spec
}

// maxFile is the size of the largest configuration file, some five times that of
// the largest table known.
const maxFile = 16 << 20

// Load reads the configuration file of this host. Where it is wrong there is no
// Config, and [Problems] say everything that is.
func Load(path string) (*Config, Problems) { return LoadFrom(ThisHost{}, path) }

// LoadFrom reads the configuration file of a host.
func LoadFrom(host Host, path string) (*Config, Problems) {
	text, _, err := host.ReadFile(path, maxFile)
	if err != nil {
		return nil, Problems{Errors: []Problem{{File: path, Text: err.Error()}}}
	}
	return Parse(path, text, host)
}

// Parse turns the text of a configuration file into a Config. Name is what
// messages call the file; the files that it names are read through host.
// Problems are as in [Load].
func Parse(name string, text []byte, host Host) (*Config, Problems) {
	r := &reporter{file: name}
	file := parseFile(text, r)
	if file == nil {
		return nil, r.problems()
	}
	c := (&resolver{reporter: r, host: host, file: file, pems: map[string][]byte{}}).resolve()
	if len(r.errors.list) > 0 {
		c = nil
	}
	return c, r.problems()
}

// parseFile decodes text, and reports what is wrong with its values one by one.
// It returns nil where the text holds no mapping at all, or too large a one.
func parseFile(text []byte, r *reporter) *File {
	document := parseYAML(text, r)
	if document == nil {
		return nil
	}
	d := &decoder{reporter: r}
	file, _, ok := read(d, fileKeys, document, nil)
	if !ok || d.exhausted() {
		return nil
	}
	return &file
}
