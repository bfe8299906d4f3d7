package config

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/textproto"
	"slices"

	"github.com/mainstay-lvs/mainstay/checker"
)

// preparedCheck is a check of which only the real server is not known yet.
type preparedCheck struct {
	options checker.Options
	timing  checker.Timing
	target  TargetKeys
	unsure  bool // something is wrong with a heartbeat's sender, and was reported
}

// spec completes the check for a real server.
func (p *preparedCheck) spec(server netip.AddrPort) checker.Spec {
	s := checker.Spec{Target: server, Options: p.options, Timing: p.timing}
	if p.target.Address.Given {
		s.Target = netip.AddrPortFrom(p.target.Address.V, s.Target.Port())
	}
	if p.target.Port.Given {
		s.Target = netip.AddrPortFrom(s.Target.Addr(), p.target.Port.V)
	}
	switch o := p.options.(type) {
	case checker.Monitor:
		o.Server = server
		s.Options = o
	case checker.Heartbeat:
		s.Options = heartbeatOf(o, server)
	case checker.Ping: // a host that serves on many ports is pinged once
		s.Target = netip.AddrPortFrom(s.Target.Addr(), 0)
	}
	return s
}

// needsPort says whether the check connects to a port and names none itself.
func (p *preparedCheck) needsPort() bool {
	switch o := p.options.(type) {
	case checker.Command, checker.Ping:
		return false
	case checker.Heartbeat:
		if o.Fallback == nil {
			return false
		}
	}
	return !p.target.Port.Given && !p.target.Port.bad
}

// prepareNamed prepares the checks of the section checks, used or not. One that
// is wrong is there as nil.
func (r *resolver) prepareNamed(entries []Entry[CheckKeys]) map[string]*preparedCheck {
	checks := make(map[string]*preparedCheck, len(entries))
	for _, e := range entries {
		checks[e.Name] = nil
		if !e.Value.bad {
			checks[e.Name] = r.prepare(&e.Value.V)
		}
	}
	return checks
}

// kind returns the name of the one kind that the check is of.
func (c *CheckKeys) kind() string {
	for _, k := range kindKeys {
		if there, _ := k.state(c); there {
			return k.Path
		}
	}
	return ""
}

// prepare resolves a check; nil where its kind's keys are no mapping or list.
func (r *resolver) prepare(c *CheckKeys) *preparedCheck {
	p := &preparedCheck{}
	if c.Heartbeat.Given {
		p.timing = r.heartbeatTiming(c)
	} else {
		p.timing = r.timing(c)
	}
	var bad bool
	switch {
	case c.TCP.Given:
		p.options, p.target, bad = checker.TCP{}, c.TCP.V.Target, c.TCP.bad
	case c.TLS.Given:
		p.options, p.target, bad = r.tls(c.TLS.V.TLS), c.TLS.V.Target, c.TLS.bad
	case c.HTTP.Given:
		p.options, p.target, bad = r.http(&c.HTTP.V), c.HTTP.V.Target, c.HTTP.bad
	case c.Exchange.Given:
		p.options, p.target, bad = r.exchange(&c.Exchange.V), c.Exchange.V.Target, c.Exchange.bad
	case c.Command.Given:
		command := r.command(c.Command.V.Argv)
		command.DynamicWeight = c.Command.V.DynamicWeight.V
		p.options, bad = command, c.Command.bad || c.Command.V.Argv.bad
	case c.Monitor.Given:
		p.options, p.target, bad = r.monitor(c), c.Monitor.V.Target, c.Monitor.bad
	case c.Heartbeat.Given:
		h := &c.Heartbeat.V
		p.options, p.target, bad = r.heartbeat(c), h.Fallback.V.Monitor.V.Target, c.Heartbeat.bad
		p.unsure = h.ID.bad || h.Service.bad || h.Secret.bad || h.Secret.Given && !r.wholeSecret(h.Secret.V)
	case c.Agent.Given:
		p.options, p.target, bad = agentOf(&c.Agent.V), c.Agent.V.Target, c.Agent.bad
	case c.UDP.Given:
		p.options, p.target, bad = r.udp(&c.UDP.V), c.UDP.V.Target, c.UDP.bad
	case c.DNS.Given:
		p.options, p.target, bad = r.dns(&c.DNS.V), c.DNS.V.Target, c.DNS.bad
	case c.Ping.Given:
		p.options, p.target, bad = checker.Ping{}, TargetKeys{Address: c.Ping.V.Address}, c.Ping.bad
	case c.GRPC.Given:
		p.options, p.target, bad = r.grpc(&c.GRPC.V), c.GRPC.V.Target, c.GRPC.bad
	default:
		bad = true
	}
	if bad {
		return nil
	}
	return p
}

// prepareKind prepares a check of a kind named alone, with the kind's defaults; nil
// where it has none.
func (r *resolver) prepareKind(kind string) *preparedCheck {
	for _, k := range defaultKinds {
		if k.name == kind {
			c := checkKeys.blank()
			k.give(&c)
			return r.prepare(&c)
		}
	}
	return nil
}

func (r *resolver) timing(c *CheckKeys) checker.Timing {
	t := checker.Timing{
		Interval: c.Interval.V, Timeout: c.Timeout.V, FastInterval: c.FastInterval.V,
		Fall: c.Fall.V, Rise: c.Rise.V,
	}
	if !c.FastInterval.Given {
		t.FastInterval = t.Interval
	}
	switch {
	case c.Interval.bad || c.Timeout.bad || t.Timeout <= t.Interval:
	case c.Timeout.Given:
		r.errorf(c.Timeout.at, "is %s, over the interval of %s (want at most the interval)", short(t.Timeout), short(t.Interval))
	default:
		r.errorf(c.Interval.at, "is %s, under the timeout's default of %s (want a timeout of at most %s as well)",
			short(t.Interval), short(t.Timeout), short(t.Interval))
	}
	if c.FastInterval.Given && !c.FastInterval.bad && !c.Interval.bad && t.FastInterval > t.Interval {
		r.errorf(c.FastInterval.at, "is %s, over the interval of %s (want at most the interval)", short(t.FastInterval), short(t.Interval))
	}
	return t
}

func (r *resolver) http(h *HTTPKeys) checker.HTTP {
	options := checker.HTTP{Method: h.Method.V, Path: h.Path.V, Host: h.Host.V, Body: h.BodyRegexp.V.Regexp}
	seen := firsts[string]{}
	for _, e := range h.Headers.V {
		if line, again := seen.again(textproto.CanonicalMIMEHeaderKey(e.Name), e.at); again {
			r.errorf(e.at, "is the same header as in line %d (want each once)", line)
		}
		options.Headers = append(options.Headers, checker.Header{Name: e.Name, Value: e.Value.V})
	}
	if h.Status.Given && !h.Status.bad && len(h.Status.V) == 0 {
		r.errorf(h.Status.at, "is an empty list (want at least one status)")
	}
	for _, s := range h.Status.V {
		options.Status = append(options.Status, s.V)
	}
	if h.Method.V == http.MethodHead && h.BodyRegexp.Given {
		r.errorf(h.BodyRegexp.at, "an answer to HEAD has no body (want another method, or this left out)")
	}
	if h.Scheme.V == "https" {
		for _, protocol := range h.TLS.V.ALPN.V {
			if protocol.V == "h2" {
				r.errorf(protocol.at, "the check speaks HTTP/1.1 only (want h2 left out)")
			}
		}
		t := r.tls(h.TLS.V)
		options.TLS = &t
	} else if h.TLS.Given && !h.Scheme.bad {
		r.errorf(h.TLS.at, "is given for plain HTTP (want scheme: https as well)")
	}
	return options
}

// maxSteps bounds the length of an exchange.
const maxSteps = 64

func (r *resolver) exchange(e *ExchangeKeys) checker.Exchange {
	var options checker.Exchange
	if n := len(e.Steps.V); !e.Steps.bad && e.Steps.Given && (n == 0 || n > maxSteps) {
		r.errorf(e.Steps.at, "has %d steps (want 1 to %d)", n, maxSteps)
	}
	for _, v := range e.Steps.V {
		var step checker.Step
		switch s := v.V; {
		case s.Send.Given:
			step.Send = []byte(s.Send.V)
		case s.SendHex.Given:
			step.Send = s.SendHex.V.Bytes
		case s.Expect.Given:
			step.Expect = s.Expect.V.Regexp
			r.warnOfEmptyMatch(s.Expect)
		case s.ExpectHex.Given:
			step.ExpectBytes, step.Mask = s.ExpectHex.V.Bytes, s.ExpectHex.V.Mask
		}
		options.Steps = append(options.Steps, step)
	}
	if e.TLS.Given {
		t := r.tls(e.TLS.V)
		options.TLS = &t
	}
	return options
}

// usedCheck is a check in the list of a virtual service or of a real server.
type usedCheck struct {
	*preparedCheck
	name string
	at   place
}

// maxChecks bounds the checks of one real server.
const maxChecks = 64

// use resolves a list of checks. Those that are wrong are left out.
func (r *resolver) use(list Value[[]Value[CheckUse]]) []usedCheck {
	if list.bad {
		return nil
	}
	if len(list.V) > maxChecks {
		r.errorf(list.at, "has %d checks (want at most %d)", len(list.V), maxChecks)
		return nil
	}
	var used []usedCheck
	seen, taken := firsts[string]{}, map[string]int{}
	for _, v := range list.V {
		u := usedCheck{at: v.at}
		switch {
		case v.bad:
		case v.V.InPlace != nil:
			u.preparedCheck = r.prepare(v.V.InPlace)
			u.name = v.V.InPlace.kind()
		default:
			u.preparedCheck = r.named(v)
			u.name = v.V.Name
			if line, again := seen.again(u.name, v.at); again {
				r.errorf(v.at, "%s is in this list already, in line %d (want each once)", quote(u.name), line)
			}
		}
		if u.preparedCheck == nil {
			continue
		}
		// No name has a # in it: what is numbered is told from all others.
		if taken[u.name]++; taken[u.name] > 1 {
			u.name = fmt.Sprintf("%s#%d", u.name, taken[u.name])
		}
		used = append(used, u)
	}
	return used
}

// named finds a check by its name, or prepares a kind with its defaults.
func (r *resolver) named(v Value[CheckUse]) *preparedCheck {
	name := v.V.Name
	if p, ok := r.checks[name]; ok {
		return p
	}
	if p := r.prepareKind(name); p != nil {
		return p
	}
	switch {
	case slices.Contains(kinds, name):
		r.errorf(v.at, "%s can't do without keys of its own (want a check written in place, {%s: ...}, or a name under checks)", name, name)
	case !r.file.Checks.bad:
		names := namesOf(r.file.Checks.V)
		for _, k := range defaultKinds {
			names = append(names, k.name)
		}
		r.errorf(v.at, "there is no check named %s (%s)", quote(name), wanted(name, names))
	}
	return nil
}
