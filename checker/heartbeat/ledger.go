package heartbeat

import (
	"time"

	"github.com/mainstay-lvs/mainstay/checker/internal/agenda"
	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// MaxAge is the highest age that a relay can give to a line.
const MaxAge = time.Hour

// retirement is how long the mark of a child without checks is kept, so that a reload that changes its check does not
// lose it.
const retirement = time.Minute

// sweepEvery is how often those that retired are looked through.
const sweepEvery = time.Second

// Ledger keeps what was heard. Make one with New. It is not safe for concurrent use. All times are since any one moment,
// on a monotonic clock, and do not go back.
type Ledger struct {
	children map[name]*child
	ids      map[string]int // children with checks, by id
	retired  map[name]*child
	watches  map[Handle]*watch
	last     Handle
	due      agenda.Agenda[*watch]
	holding  int // children of which lines are held

	relays  relays
	secrets []secret // of all checks
	open    int      // checks that have none

	stalled time.Duration // for how long this process did not run, all told
	lost    bool          // datagrams were lost in our socket
	lostAt  time.Duration // last
	losses  uint64        // how many
	// When a line was last accepted, or a relay's datagram, and how much this process had
	// stalled by then.
	heardAt, heardStalled time.Duration

	swept time.Duration // when those that retired were last looked through

	received, relayed uint64 // datagrams: all, and those of relays that were accepted

	tally    tally
	findings []Finding
}

// secret is one that checks use.
type secret struct {
	value string
	users int
}

// New makes a ledger without checks, with marks to go on from.
func New(m Marks) *Ledger {
	l := &Ledger{
		children: make(map[name]*child),
		ids:      make(map[string]int),
		retired:  make(map[name]*child),
		watches:  make(map[Handle]*watch),
		relays:   newRelays(),
	}
	l.restore(m)
	return l
}

// Add enters a check. The error says what is wrong with it, or that another check of the same id and service has other
// secrets.
func (l *Ledger) Add(now time.Duration, c Check) (Handle, error) {
	if err := c.Validate(); err != nil {
		return 0, err
	}
	of := l.children[name{c.ID, c.Service}]
	if of != nil && !sameSecrets(of.secrets, c.Secrets) {
		return 0, errOtherSecrets
	}
	if of == nil {
		of = l.adopt(now, c)
	}
	l.last++
	w := &watch{handle: l.last, check: c, child: of, since: now}
	of.watches = append(of.watches, w)
	l.watches[w.handle] = w
	l.use(c.Secrets, 1)
	l.due.Put(w, 0)
	l.begin(now, w)
	return w.handle, nil
}

// adopt makes a child, with the mark that was restored or left for it.
func (l *Ledger) adopt(now time.Duration, c Check) *child {
	key := name{c.ID, c.Service}
	of := l.retired[key]
	delete(l.retired, key)
	if of == nil {
		of = &child{name: key}
	}
	of.secrets, of.keys = c.Secrets, nil
	for _, s := range c.Secrets {
		of.keys = append(of.keys, wire.DeriveKey(s, c.ID))
	}
	// Nobody listened until now: the clock of its silence starts.
	of.mark.heard, of.mark.at, of.mark.stalled = false, now, l.stalled
	l.children[key] = of
	l.ids[c.ID]++
	return of
}

// Remove takes a check out. It does nothing where the check is not there.
func (l *Ledger) Remove(now time.Duration, h Handle) {
	w := l.watches[h]
	if w == nil {
		return
	}
	delete(l.watches, h)
	l.due.Leave(w)
	l.use(w.check.Secrets, -1)
	of := w.child
	for i := range of.watches {
		if of.watches[i] == w {
			of.watches = append(of.watches[:i], of.watches[i+1:]...)
			break
		}
	}
	if len(of.watches) > 0 {
		if next := of.pollable(); next != nil && len(of.held) > 0 {
			l.look(now, next) // it polls now
		}
		return
	}
	delete(l.children, of.name)
	if l.ids[of.name.id]--; l.ids[of.name.id] == 0 {
		delete(l.ids, of.name.id)
	}
	l.setHeld(of, nil)
	if of.known {
		of.until = now + retirement
		l.retired[of.name] = of
	}
}

// use counts a check's secrets in or out.
func (l *Ledger) use(secrets [][]byte, by int) {
	if len(secrets) == 0 {
		l.open += by
	}
next:
	for _, s := range secrets {
		for i := range l.secrets {
			if l.secrets[i].value != string(s) {
				continue
			}
			if l.secrets[i].users += by; l.secrets[i].users == 0 {
				l.secrets = append(l.secrets[:i], l.secrets[i+1:]...)
				l.relays.forget(string(s))
			}
			continue next
		}
		l.secrets = append(l.secrets, secret{string(s), by})
	}
}

// Findings returns what was found out since it was last called, in order. The slice is valid until the ledger is used
// again.
func (l *Ledger) Findings() []Finding {
	found := l.findings
	l.findings = l.findings[:0]
	return found
}

func (l *Ledger) find(w *watch, k Kind, line wire.Heartbeat, reason string) {
	l.findings = append(l.findings, Finding{Check: w.handle, Kind: k, Line: line, Reason: reason})
}

// Next returns when Tick is wanted next; ok is false where it is not.
func (l *Ledger) Next() (at time.Duration, ok bool) {
	first := l.due.First()
	if first == nil {
		return 0, false
	}
	return first.At, true
}

// Tick finds out what is so because time has passed. Whoever calls it has read before what had come.
func (l *Ledger) Tick(now time.Duration) {
	for w := l.due.First(); w != nil && w.At <= now; w = l.due.First() {
		l.look(now, w)
	}
	if now-l.swept < sweepEvery {
		return
	}
	l.swept = now
	for key, c := range l.retired {
		if c.until == 0 { // restored: its time begins with the first tick
			c.until = now + retirement
		} else if now >= c.until {
			delete(l.retired, key)
		}
	}
}

// Stalled says that this process has not run for so long, before now. It is told before what came meanwhile is received,
// or that would be given the same time again.
func (l *Ledger) Stalled(d time.Duration) { l.stalled += d }

// Lost says that so many datagrams were lost in this director's own socket, up to now.
func (l *Ledger) Lost(now time.Duration, n uint64) {
	l.lost, l.lostAt, l.losses = true, now, l.losses+n
}

// lossy tells whether datagrams were lost within so long.
func (l *Ledger) lossy(now, within time.Duration) bool { return l.lost && now-l.lostAt < within }
