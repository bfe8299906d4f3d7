package config

import (
	"github.com/mainstay-lvs/mainstay/internal/decide"
	"github.com/mainstay-lvs/mainstay/ipvs"
)

// maxChecked bounds the checks of all real servers together: a short list of
// checks counts once more for each server that uses it.
const maxChecked = 500_000

// port is the service's port, which its servers have too unless they say
// otherwise. A firewall mark's is 0: the one that the packet came to.
func (s *serviceResolver) port() uint16 { return s.key.Address.Port() }

// server resolves one real server and its checks.
func (s *serviceResolver) server(k *ServerKeys, at place) (decide.Server, []Check) {
	forward := s.Forward
	if k.Forward.Given || k.Forward.bad {
		forward = k.Forward
	}
	server := decide.Server{Server: ipvs.Server{
		Address:           k.Address.V.At(s.port()),
		Forward:           forward.V,
		Weight:            k.Weight.V,
		MaxConnections:    k.MaxConnections.V,
		ResumeConnections: k.ResumeConnections.V,
	}}
	s.checkReach(k.Address, forward)
	server.Tunnel = s.tunnel(k, forward)
	if !k.MaxConnections.bad && !k.ResumeConnections.bad && server.ResumeConnections > server.MaxConnections {
		s.errorf(k.ResumeConnections.at, "is %d, over max_connections of %d (want at most that)",
			server.ResumeConnections, server.MaxConnections)
	}

	used := s.shared
	if k.Checks.Given || k.Checks.bad {
		used = s.use(k.Checks)
	}
	s.noteChecks(k, at, used)
	if s.checked += len(used); s.checked > maxChecked {
		s.errorf(s.at, "the real servers up to here have more than %d checks in all (want fewer checks or servers)", maxChecked)
		return server, nil
	}
	checks := make([]Check, 0, len(used))
	for _, u := range used {
		s.checkPort(u, k.Address)
		s.checkSender(u, k.Address)
		server.Checks = append(server.Checks, u.name)
		checks = append(checks, Check{Name: u.name, Spec: u.spec(server.Address)})
	}
	return server, checks
}

// checkReach holds the rules of what a forwarding method can reach, and says
// whether they are kept.
func (s *serviceResolver) checkReach(server Value[Endpoint], forward Value[ipvs.Forward]) bool {
	if server.bad || !s.known || forward.bad || !forward.Given {
		return false
	}
	ok := true
	if family := ipvs.FamilyOf(server.V.Addr); family != s.key.Family {
		if ok = forward.V == ipvs.Tunnel; !ok {
			s.errorf(server.at, "is %s, and the service %s (want an address of its family, or forward: tunnel)", family, s.key.Family)
		} else if s.mixed.line == 0 {
			s.mixed = server.at
		}
	}
	if server.V.HasPort && server.V.Port != s.port() && forward.V != ipvs.NAT {
		s.errorf(server.at, "has port %d, and the service %d: forward %s can't change it (want the address alone, or forward: nat)",
			server.V.Port, s.port(), forward.V)
		ok = false
	}
	return ok
}

// tunnel resolves how packets to the server are wrapped.
func (s *serviceResolver) tunnel(k *ServerKeys, forward Value[ipvs.Forward]) ipvs.TunnelOptions {
	if !k.Tunnel.Given || k.Tunnel.bad {
		return ipvs.TunnelOptions{}
	}
	t := k.Tunnel.V
	if forward.Given && !forward.bad && forward.V != ipvs.Tunnel {
		s.errorf(k.Tunnel.at, "is for forward: tunnel, and this server's is %s (want forward: tunnel, or this left out)", forward.V)
	}
	if t.Type.bad {
		return ipvs.TunnelOptions{}
	}
	gue := t.Type.V == ipvs.GUE
	switch {
	case gue && !t.Port.Given && !t.Port.bad:
		s.errorf(k.Tunnel.at.key("port"), "is missing (want the UDP port of gue, as in 6080)")
	case !gue && t.Port.Given:
		s.errorf(t.Port.at, "is for gue, and the type is %s (want type: gue, or no port)", t.Type.V)
	}
	switch {
	case t.Checksum.bad:
	case t.Checksum.V == ipvs.ChecksumRemote && !gue:
		s.errorf(t.Checksum.at, "remote is for gue, and the type is %s (want none or standard)", t.Type.V)
	case t.Checksum.V == ipvs.ChecksumStandard && t.Type.V == ipvs.IPIP:
		s.errorf(t.Checksum.at, "standard is for gue and gre: ipip has no checksum (want none)")
	}
	return ipvs.TunnelOptions{Type: t.Type.V, Port: t.Port.V, Checksum: t.Checksum.V}
}

// checkPort holds the rule that a check must know its port.
func (s *serviceResolver) checkPort(u usedCheck, server Value[Endpoint]) {
	switch {
	case !s.known || server.bad || !u.needsPort():
	case s.key.Mark != 0:
		s.errorf(u.at, "%s has no port, and a firewall mark has none either (want port in the check)", u.name)
	case server.V.At(s.port()).Port() == 0:
		s.errorf(u.at, "%s has no port, and the server's is 0 (want port in the check)", u.name)
	}
}
