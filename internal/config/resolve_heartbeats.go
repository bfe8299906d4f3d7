package config

import (
	"bytes"
	"net/netip"
	"slices"

	"github.com/mainstay-lvs/mainstay/checker"
	"github.com/mainstay-lvs/mainstay/vrrp"
)

// heartbeatTiming resolves the timing of a heartbeat: its interval is its own, and all but
// rise is the fallback's.
func (r *resolver) heartbeatTiming(c *CheckKeys) checker.Timing {
	h := &c.Heartbeat.V
	if c.Interval.Given {
		r.errorf(c.Interval.at, "is given beside a heartbeat, which has its own (want it within heartbeat)")
	}
	k := *c
	k.Interval = h.Interval
	if !h.Fallback.Given && !h.Fallback.bad {
		for _, v := range []struct {
			given bool
			at    place
		}{
			{c.Timeout.Given, c.Timeout.at},
			{c.Fall.Given, c.Fall.at},
			{c.FastInterval.Given, c.FastInterval.at},
		} {
			if v.given {
				r.errorf(v.at, "is the fallback's, and this heartbeat has none (want a fallback as well, or this left out)")
			}
		}
		k.Timeout.V, k.Timeout.Given = min(k.Timeout.V, h.Interval.V), false
		k.FastInterval.Given = false
	}
	return r.timing(&k)
}

// heartbeat resolves a heartbeat but for what the real server decides: see heartbeatOf.
func (r *resolver) heartbeat(c *CheckKeys) checker.Heartbeat {
	h := &c.Heartbeat.V
	options := checker.Heartbeat{ID: h.ID.V, Service: h.Service.V, Secrets: r.secret(h.Secret), Misses: h.Misses.V}
	if !h.Secret.Given && !h.Secret.bad {
		r.warnf(c.Heartbeat.at, "heartbeats are not signed: whoever can send here can say that a server is up (want a secret)")
	}
	if !h.Fallback.Given {
		if !h.Fallback.bad {
			r.warnf(c.Heartbeat.at, "no fallback: new instances are taken unconfirmed, and nobody is asked while the relays are silent (want fallback: {monitor: {...}})")
		}
		return options
	}
	m := &h.Fallback.V.Monitor.V
	options.Fallback = &checker.Monitor{Service: h.Service.V, Mode: checker.Poll, Secrets: r.secret(m.Secret)}
	if m.Service.Given {
		options.Fallback.Service = m.Service.V
	}
	switch {
	case !h.Secret.Given || h.Secret.bad || m.Secret.bad || h.Fallback.V.Monitor.bad:
	case !m.Secret.Given:
		r.errorf(h.Fallback.V.Monitor.at, "has no secret, and the heartbeats have one: an answer that anyone can give would confirm them (want a secret that the programs hold)")
	case m.Secret.V == h.Secret.V:
		r.warnf(m.Secret.at, "%s is the heartbeats' secret as well: each program that holds it can work out every sender's key (want another, which the programs hold)",
			shown(m.Secret.V))
	}
	return options
}

// warnOfListening says where heartbeats are received at an address that the host has not got
// while it is a backup: it could not even listen then.
func (r *resolver) warnOfListening(routers []VirtualRouter) {
	for _, listen := range []Value[netip.AddrPort]{r.file.Director.V.HeartbeatListen, r.file.Relay.V.Listen} {
		for _, router := range routers {
			held := slices.ContainsFunc(router.Held(), func(p netip.Prefix) bool { return p.Addr() == listen.V.Addr() })
			if held && router.Priority != vrrp.OwnerPriority {
				r.warnf(listen.at, "is a virtual address, of %s: a backup can't listen there (want one that this host always has, and servers that send to every host)",
					router.Name)
			}
		}
	}
}

// heartbeatOf completes a heartbeat for a real server.
func heartbeatOf(h checker.Heartbeat, server netip.AddrPort) checker.Heartbeat {
	if h.ID == "" {
		h.ID = server.String()
	}
	if h.Fallback != nil {
		fallback := *h.Fallback
		fallback.Server = server
		h.Fallback = &fallback
	}
	return h
}

// sender is who heartbeats come from.
type sender struct{ id, service string }

// claim is the first real server that waits for a sender's heartbeats.
type claim struct {
	server  netip.Addr
	secrets [][]byte
	at      place
}

// checkSender holds the rules for the sender of a real server's heartbeats: it has a name,
// and one key. A server of several virtual services may be named by each.
func (s *serviceResolver) checkSender(u usedCheck, server Value[Endpoint]) {
	h, ok := u.options.(checker.Heartbeat)
	if !ok || !s.known || server.bad || u.unsure {
		return
	}
	address := server.V.At(s.port())
	if h.ID == "" && address.Port() == 0 {
		s.errorf(u.at, "%s has no id, and the server no port to be named by (want id in the check)", u.name)
		return
	}
	named := h.ID != ""
	h = heartbeatOf(h, address)
	key := sender{h.ID, h.Service}
	first, again := s.senders[key]
	switch {
	case !again:
		s.senders[key] = claim{address.Addr(), h.Secrets, u.at}
	case !slices.EqualFunc(first.secrets, h.Secrets, bytes.Equal):
		s.errorf(u.at, "%s waits for the heartbeats of %s, service %s, as in line %d with another secret (want the same secret)",
			u.name, shown(h.ID), shown(h.Service), first.at.line)
	case named && first.server != address.Addr():
		s.warnf(u.at, "%s takes the heartbeats of the one id %s for several servers (want a check for each, or id left out: the server's address:port)",
			u.name, shown(h.ID))
	}
}
