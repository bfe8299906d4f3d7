package monitor

import (
	"bytes"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// Options says what a Monitor answers for, and how.
type Options struct {
	// Services names the services of the program, at least one, as the directors' checks name them: 1..128 bytes of
	// printable ASCII each, no two alike.
	Services []string
	// Secret is shared with the directors, 16..4096 bytes; see ReadSecretFile. With one, answers are signed and requests
	// must carry a nonce. Nil: anybody who reaches the port may ask.
	Secret []byte
	// AgentLine says whether HAProxy's agent check is answered. The default is yes, unless there is a Secret.
	AgentLine AgentLine
	// Leave is the longest that Close says maint to those that ask before it ends; default 3s, negative: not at all. It
	// should be longer than the interval of the directors' checks.
	Leave time.Duration
	// Logger hears when a service's answer changes, and of troubles with peers, at a limited rate. The answer that it
	// tells of is sent when its handler returns: one that blocks keeps that answer from a director. Nil: nobody hears.
	Logger *slog.Logger
}

// AgentLine says whether connections that don't speak MONITOR get a line for HAProxy's agent check.
type AgentLine int

const (
	// AgentLineAuto gives the line where there is no secret.
	AgentLineAuto AgentLine = iota
	// AgentLineOn gives the line, also beside a secret: unsigned, to anybody.
	AgentLineOn
	// AgentLineOff gives no such line.
	AgentLineOff
)

// Monitor answers for the services of one program. Its methods may be called from any goroutine.
type Monitor struct {
	secret   []byte
	agent    bool
	leave    time.Duration
	log      *slog.Logger
	start    uint64 // the instance, in Unix milliseconds
	instance string
	epoch    time.Time

	services []*Service
	byName   map[string]*Service
	evidence evidence

	answering sync.Mutex // held while an answer is put together: a higher seq never tells an older state
	seq       uint64
	leaving   atomic.Bool

	room   room
	life   life
	noise  noise
	pulses pulses
}

// New makes a Monitor whose services are all up. It starts nothing: see Serve. The error names the option that is wrong.
func New(o Options) (*Monitor, error) {
	if len(o.Services) == 0 {
		return nil, fmt.Errorf("monitor: Options.Services is empty: name the service that directors ask for")
	}
	if o.Secret != nil && (len(o.Secret) < minSecret || len(o.Secret) > maxSecret) {
		return nil, fmt.Errorf("monitor: Options.Secret has %d bytes (%d..%d wanted)", len(o.Secret), minSecret, maxSecret)
	}
	m := &Monitor{
		secret: bytes.Clone(o.Secret),
		agent:  o.AgentLine == AgentLineOn || (o.AgentLine == AgentLineAuto && o.Secret == nil),
		leave:  o.Leave,
		noise:  newNoise(o.Logger),
		start:  newInstance(),
		epoch:  time.Now(),
		byName: make(map[string]*Service, len(o.Services)),
		room:   newRoom(),
		life:   newLife(),
		pulses: newPulses(),
	}
	m.log, m.instance = m.noise.log, wire.FormatInstance(m.start)
	m.evidence.changed = func() { m.room.wake(nil) }
	if m.leave == 0 {
		m.leave = defaultLeave
	}
	for _, name := range o.Services {
		if !wire.ValidName(name) {
			return nil, fmt.Errorf("monitor: Options.Services has %q (1..%d bytes of printable ASCII wanted)", name, wire.MaxName)
		}
		if m.byName[name] != nil {
			return nil, fmt.Errorf("monitor: Options.Services has %q twice", name)
		}
		s := newService(m, name)
		m.services = append(m.services, s)
		m.byName[name] = s
	}
	return m, nil
}

// Service returns the service of that name, or nil if Options.Services didn't have it.
func (m *Monitor) Service(name string) *Service { return m.byName[name] }

// SetState sets the state of every service; see Service.SetState.
func (m *Monitor) SetState(state State, reason string) {
	for _, s := range m.services {
		s.SetState(state, reason)
	}
}

// SetWeight sets the weight of every service; see Service.SetWeight.
func (m *Monitor) SetWeight(percent int) {
	for _, s := range m.services {
		s.SetWeight(percent)
	}
}

// Check adds a self-check that counts for every service: while f does not return nil, they are down.
//
// Once Serve runs, f is called each second, or as Every says, never twice at a time, and has one second, or what Timeout
// says, to return; its context ends then. An error, a panic and a missing answer are failures. A call that outlives its
// timeout is left to return when it will, and counts as a failure until then.
func (m *Monitor) Check(name string, f CheckFunc, options ...CheckOption) {
	m.addCheck(&m.evidence, name, f, options)
}

// Beat adds a worker whose progress counts for every service: while it has work and shows no progress for longer than
// limit, they are down. A limit of 0 or less is taken as 5s. The worker is idle until it says otherwise.
func (m *Monitor) Beat(name string, limit time.Duration) *Beat {
	return m.evidence.addBeat(m.epoch, name, limit)
}
