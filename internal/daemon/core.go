package daemon

import (
	"net/netip"
	"slices"
	"time"

	"github.com/mainstay-lvs/mainstay/checker"
	"github.com/mainstay-lvs/mainstay/internal/config"
	"github.com/mainstay-lvs/mainstay/internal/decide"
	"github.com/mainstay-lvs/mainstay/ipvs"
)

// settleTime is how long a service waits for the first result of each of its
// checks before it is judged without.
const settleTime = 10 * time.Second

// core is all that the daemon knows, and how it turns into decisions. It has no
// goroutine, clock or socket: its owner hands it events and the time.
type core struct {
	services  []*service // in the file's order
	byKey     map[ipvs.Key]*service
	checks    map[checker.Key]*check
	overrides overrides
	history   *history
	routers   []config.VirtualRouter
	tracked   map[string][]*check // of each router, in the order of its commands
	pending   []*service          // something happened to them since they were last decided about
	draining  map[ipvs.Key]bool
	next      time.Time // when to look at all of them again; zero: never
}

// service is one virtual service and what is known of it.
type service struct {
	config      config.Service
	checks      [][]namedCheck // of each server, in the order of the file
	memory      decide.ServiceMemory
	adopted     *ipvs.Service // as the kernel held it when the daemon first saw it; nil: not there
	connections map[netip.AddrPort]decide.Connections
	settled     bool
	settleBy    time.Time
	pending     bool // it is in the core's list
	decided     bool
	decision    decide.ServiceDecision
}

// namedCheck is a check by the name that the file gives it.
type namedCheck struct {
	name string
	*check
}

// check is one running check, and the services that ask for its results.
type check struct {
	spec  checker.Spec
	last  checker.Event
	seen  bool // last is there
	users []*service
}

// newCore makes the core of a daemon that starts: nothing is known yet but what
// was saved. Kernel is the table as it was found.
func newCore(now time.Time, services []config.Service, kernel ipvs.Table, memory decide.Memory, o overrides, h *history) *core {
	c := &core{checks: make(map[checker.Key]*check), overrides: o, history: h}
	c.replace(now, services, func(s *service) {
		key := s.config.Head.Key
		s.memory = memory[key.String()]
		if found, ok := kernel.Service(key); ok {
			s.adopted = &found
		}
	})
	return c
}

// reload puts the services of a new file in place of the old ones. A service that
// stays keeps what is known of it, and so does a check. Kernel holds the services
// of the new file that are not in the old one, where the kernel has them already.
// It returns the services that are gone.
func (c *core) reload(now time.Time, services []config.Service, kernel ipvs.Table) []ipvs.Key {
	before := c.byKey
	c.replace(now, services, func(s *service) {
		key := s.config.Head.Key
		if old, stays := before[key]; stays {
			s.memory, s.adopted, s.connections = old.memory, old.adopted, old.connections
			s.settled, s.settleBy = old.settled, old.settleBy
			s.decided, s.decision = old.decided, old.decision
		} else if found, ok := kernel.Service(key); ok {
			s.adopted = &found
		}
	})
	var gone []ipvs.Key
	for key := range before {
		if c.byKey[key] == nil {
			gone = append(gone, key)
		}
	}
	slices.SortFunc(gone, ipvs.Key.Compare)
	c.overrides.keep(c.known)
	return gone
}

// replace sets the services; begin completes each with what is known of it.
func (c *core) replace(now time.Time, services []config.Service, begin func(*service)) {
	checks := make(map[checker.Key]*check)
	c.services, c.pending = nil, nil
	c.byKey = make(map[ipvs.Key]*service, len(services))
	c.draining = make(map[ipvs.Key]bool)
	for _, file := range services {
		s := &service{config: file, settleBy: now.Add(settleTime)}
		begin(s)
		c.services = append(c.services, s)
		c.byKey[file.Head.Key] = s
		for _, ofServer := range file.Checks {
			var named []namedCheck
			for _, n := range ofServer {
				named = append(named, namedCheck{n.Name, c.use(checks, n.Spec).by(s)})
			}
			s.checks = append(s.checks, named)
		}
		c.touch(s)
	}
	c.useTracked(checks)
	c.checks = checks
	for _, s := range c.services {
		c.settle(now, s)
	}
}

// use finds a check among the new ones, or begins it with what is known of it.
func (c *core) use(checks map[checker.Key]*check, spec checker.Spec) *check {
	key := spec.Key()
	ch := checks[key]
	if ch == nil {
		ch = &check{spec: spec}
		if old := c.checks[key]; old != nil {
			ch.last, ch.seen = old.last, old.seen
		}
		checks[key] = ch
	}
	return ch
}

// by notes that a service asks for the check's results.
func (ch *check) by(s *service) *check {
	if len(ch.users) == 0 || ch.users[len(ch.users)-1] != s {
		ch.users = append(ch.users, s)
	}
	return ch
}

// touch has a service decided about next time.
func (c *core) touch(s *service) {
	if !s.pending {
		s.pending = true
		c.pending = append(c.pending, s)
	}
}

// specs are all checks that services and routers want, each once.
func (c *core) specs() []checker.Spec {
	specs := make([]checker.Spec, 0, len(c.checks))
	for _, ch := range c.checks {
		specs = append(specs, ch.spec)
	}
	return specs
}

// event takes in a result of a check.
func (c *core) event(now time.Time, e checker.Event) {
	ch := c.checks[e.Key]
	if ch == nil {
		return
	}
	first := !ch.seen
	ch.last, ch.seen = e, true
	for _, s := range ch.users {
		if first && !s.settled {
			c.settle(now, s)
		}
		if first || e.Changed {
			c.touch(s)
		}
	}
}

// settle marks a service as settled when each of its checks has given a result, or
// its time is up.
func (c *core) settle(now time.Time, s *service) {
	if s.settled {
		return
	}
	if now.Before(s.settleBy) {
		for _, ofServer := range s.checks {
			if slices.ContainsFunc(ofServer, func(n namedCheck) bool { return !n.seen }) {
				return
			}
		}
	}
	s.settled = true
	c.touch(s)
}

// settled reports whether all services are.
func (c *core) settled() bool {
	return !slices.ContainsFunc(c.services, func(s *service) bool { return !s.settled })
}

// known reports whether a server is in the file, or still drains.
func (c *core) known(k ipvs.ServerKey) bool {
	s := c.byKey[k.Service]
	return s != nil && (slices.ContainsFunc(s.config.Servers, func(server decide.Server) bool { return server.Address == k.Address }) ||
		slices.ContainsFunc(s.memory.Servers, func(m decide.ServerMemory) bool { return m.Address == k.Address }))
}

// change is a server whose state or place in the table has changed.
type change struct {
	service *service
	was, is decide.ServerReport // was is the zero value where nothing was known
}

// decide decides about every service that something happened to or whose time has
// come. It returns the services whose wanted state changed and the servers that
// changed.
func (c *core) decide(now time.Time) (wanted []ipvs.Service, changes []change) {
	due := !c.next.IsZero() && !now.Before(c.next)
	if due {
		for _, s := range c.services {
			c.settle(now, s)
			if next := s.decision.Next; !next.IsZero() && !now.Before(next) {
				c.touch(s)
			}
		}
	}
	pending := c.pending
	c.pending = nil
	for _, s := range pending {
		s.pending = false
		before, known := s.decision, s.decided
		s.decision = decide.DecideService(now, s.config.Service, c.inputs(s), s.memory)
		s.memory, s.decided = s.decision.Memory, true
		if !known || !sameService(before.Wanted, s.decision.Wanted) {
			wanted = append(wanted, s.decision.Wanted)
		}
		changes = append(changes, compare(s, before.Report, s.decision.Report)...)
		delete(c.draining, s.config.Head.Key)
		if slices.ContainsFunc(s.memory.Servers, drains) {
			c.draining[s.config.Head.Key] = true
		}
	}
	for _, ch := range changes {
		c.history.add(now, ch)
	}
	if due {
		c.next, pending = time.Time{}, c.services
	}
	for _, s := range pending {
		c.next = earliest(c.next, s.decision.Next)
		if !s.settled {
			c.next = earliest(c.next, s.settleBy)
		}
	}
	return wanted, changes
}

// drains reports whether a server waits for its connections to end.
func drains(m decide.ServerMemory) bool {
	return m.Listed && !m.Drain.Since.IsZero() && m.Drain.Over == ""
}

// inputs are what package decide must know of a service.
func (c *core) inputs(s *service) decide.ServiceInputs {
	in := decide.ServiceInputs{
		Settled: s.settled,
		Adopted: s.adopted,
		Servers: make(map[netip.AddrPort]decide.ServerInputs, len(s.config.Servers)),
	}
	for i, server := range s.config.Servers {
		var checks []decide.Check
		for _, named := range s.checks[i] {
			checks = append(checks, named.input())
		}
		in.Servers[server.Address] = decide.ServerInputs{Checks: checks}
	}
	for _, m := range s.memory.Servers { // those that leave are in no file
		if _, ok := in.Servers[m.Address]; !ok {
			in.Servers[m.Address] = decide.ServerInputs{}
		}
	}
	for address, server := range in.Servers {
		server.Override = c.overrides.of(ipvs.ServerKey{Service: s.config.Head.Key, Address: address})
		server.Connections = s.connections[address]
		in.Servers[address] = server
	}
	return in
}

// input is what package decide must know of a check.
func (n namedCheck) input() decide.Check {
	out := decide.Check{Name: n.name}
	if !n.seen {
		return out
	}
	out.Verdict = verdicts[n.last.Verdict]
	out.Mode = modes[n.last.Mode]
	out.Starting, out.Percent, out.Reason, out.Streak = n.last.Starting, n.last.Percent, n.last.Reason, n.last.Streak
	out.Weight, out.MaxConnections = decide.Optional(n.last.Weight), decide.Optional(n.last.MaxConnections)
	return out
}

// The words of package checker in those of package decide, which knows nothing of
// checks' making.
var (
	verdicts = [...]decide.Verdict{checker.Unknown: decide.Unknown, checker.Up: decide.Up, checker.Down: decide.Down}
	modes    = [...]decide.Mode{
		checker.Serving: decide.Serving, checker.Draining: decide.Draining, checker.Maintenance: decide.Maintenance,
	}
)

// counted takes in what the kernel counted of services at a time.
func (c *core) counted(at time.Time, counters map[ipvs.ServerKey]ipvs.Counters) {
	fresh := make(map[*service]bool)
	for key, n := range counters {
		s := c.byKey[key.Service]
		if s == nil {
			continue
		}
		if !fresh[s] {
			fresh[s] = true
			s.connections = make(map[netip.AddrPort]decide.Connections)
			c.touch(s)
		}
		s.connections[key.Address] = decide.Connections{At: at, Active: n.Active, Inactive: n.Inactive, Persistent: n.Persistent}
	}
}

// wanted is the whole wanted table, as last decided.
func (c *core) wanted() ipvs.Table {
	var t ipvs.Table
	for _, s := range c.services {
		t.Services = append(t.Services, s.decision.Wanted)
	}
	return t.Sort()
}

// kept is the part of what was decided that outlives a restart.
func (c *core) kept() decide.Memory {
	memory := make(decide.Memory, len(c.services))
	for _, s := range c.services {
		memory[s.config.Head.Key.String()] = s.memory
	}
	return memory.Kept()
}

// compare lists the servers whose state or place in the table differs.
func compare(s *service, before, after decide.ServiceReport) []change {
	was := make(map[netip.AddrPort]decide.ServerReport, len(before.Servers))
	for _, r := range before.Servers {
		was[r.Address] = r
	}
	var changes []change
	for _, is := range after.Servers {
		w := was[is.Address]
		delete(was, is.Address)
		if w.State != is.State || w.InTable != is.InTable || w.Effective != is.Effective {
			changes = append(changes, change{s, w, is})
		}
	}
	for _, r := range before.Servers { // what has left, in its order
		if w, left := was[r.Address]; left {
			changes = append(changes, change{s, w, decide.ServerReport{Address: r.Address, Why: "no longer in the file, and out of the table"}})
		}
	}
	return changes
}

func sameService(a, b ipvs.Service) bool {
	return a.SameHead(b) && slices.Equal(a.Servers, b.Servers)
}

// earliest is the earlier of two times; the zero time is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
