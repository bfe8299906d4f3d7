package config

import (
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/decide"
	"github.com/mainstay-lvs/mainstay/ipvs"
)

// serviceResolver resolves one virtual service and its real servers.
type serviceResolver struct {
	*resolver
	*ServiceKeys
	at place

	key    ipvs.Key
	known  bool        // key is right
	shared []usedCheck // the service's checks, for servers that have none of their own
	noted  noted
}

func (s *serviceResolver) resolve() Service {
	s.key, s.known = s.identify()
	s.shared = s.use(s.Checks)
	out := Service{Service: decide.Service{
		Name: s.Name.V,
		Head: ipvs.Service{
			Key:            s.key,
			Scheduler:      s.Scheduler.V,
			SchedulerFlags: s.flags(),
			OnePacket:      s.OnePacket.V,
			Persistence:    s.persistence(),
		},
		Quorum:        s.Quorum.V,
		Hysteresis:    s.Hysteresis.V,
		OnFailure:     s.OnFailure.V,
		FailOpenBelow: s.FailOpenBelow.V,
		SlowStart:     s.SlowStart.V,
		DrainTimeout:  s.DrainTimeout.V,
	}}
	s.checkHead()
	seen := firsts[netip.AddrPort]{}
	for _, v := range s.RealServers.V {
		if v.bad {
			continue
		}
		server, checks := s.server(&v.V, v.at)
		out.Servers = append(out.Servers, server)
		out.Checks = append(out.Checks, checks)
		if line, again := seen.again(server.Address, v.V.Address.at); again && !v.V.Address.bad {
			s.errorf(v.V.Address.at, "is the same real server as in line %d (want each once)", line)
		}
	}
	out.Sorry = s.sorry(seen)
	s.checkQuorum(out.Servers)
	s.warn()
	return out
}

// identify works out the service's key, and whether it is right.
func (s *serviceResolver) identify() (key ipvs.Key, known bool) {
	hasAddress, hasMark := s.Address.Given || s.Address.bad, s.Fwmark.Given || s.Fwmark.bad
	switch {
	case hasAddress && hasMark:
		s.errorf(s.Fwmark.at, "is given beside an address (want one of the two)")
	case !hasAddress && !hasMark:
		s.errorf(s.at.key("address"), "is missing (want %s; or fwmark and family)", wantListen)
	case hasAddress:
		if s.Family.Given {
			s.errorf(s.Family.at, "is given with an address (want it left out: it belongs to a firewall mark)")
		}
		return s.Address.V, !s.Address.bad
	case !s.Family.Given && !s.Family.bad:
		s.errorf(s.at.key("family"), "is missing (want ipv4 or ipv6: a firewall mark has no family of its own)")
	default:
		return ipvs.MarkKey(s.Fwmark.V, s.Family.V), !s.Fwmark.bad && !s.Family.bad
	}
	return ipvs.Key{}, false
}

// schedulerFlag is a flag as the file names it. A flag without a scheduler is
// for every scheduler that takes flags.
type schedulerFlag struct {
	word, scheduler string
	bit             ipvs.SchedulerFlags
}

var schedulerFlags = []schedulerFlag{
	{"sh-fallback", "sh", ipvs.SHFallback},
	{"sh-port", "sh", ipvs.SHPort},
	{"mh-fallback", "mh", ipvs.MHFallback},
	{"mh-port", "mh", ipvs.MHPort},
	{"flag-1", "", ipvs.Flag1},
	{"flag-2", "", ipvs.Flag2},
	{"flag-3", "", ipvs.Flag3},
}

func flagWords() []string {
	var words []string
	for _, f := range schedulerFlags {
		words = append(words, f.word)
	}
	return words
}

func (s *serviceResolver) flags() ipvs.SchedulerFlags {
	var flags ipvs.SchedulerFlags
	takes := s.Scheduler.V == "sh" || s.Scheduler.V == "mh"
	for _, v := range s.SchedulerFlags.V {
		if v.bad {
			continue
		}
		f := schedulerFlags[slices.IndexFunc(schedulerFlags, func(f schedulerFlag) bool { return f.word == v.V })]
		switch {
		case s.Scheduler.bad:
		case f.scheduler == "" && !takes:
			s.errorf(v.at, "the scheduler %s takes no flags (want scheduler: sh or mh, or no flags)", s.Scheduler.V)
		case f.scheduler != "" && f.scheduler != s.Scheduler.V:
			s.errorf(v.at, "%s is not for the scheduler %s (want scheduler: %s, or the flag left out)", f.word, s.Scheduler.V, f.scheduler)
		case flags&f.bit != 0:
			s.errorf(v.at, "%s says what an earlier flag says (want each once)", f.word)
		}
		flags |= f.bit
	}
	return flags
}

func (s *serviceResolver) persistence() ipvs.Persistence {
	if !s.Persistence.Given || s.Persistence.bad {
		return ipvs.Persistence{}
	}
	keys := s.Persistence.V
	p := ipvs.Persistence{Timeout: keys.Timeout.V, Prefix: keys.Prefix.V}
	if !keys.Timeout.bad && (p.Timeout%time.Second != 0 || p.Timeout/time.Second > math.MaxUint32) {
		s.errorf(keys.Timeout.at, "is %s (want whole seconds, %d at most)", short(p.Timeout), uint32(math.MaxUint32))
	}
	longest := 128
	if s.key.Family == ipvs.IPv4 {
		longest = 32
	}
	if !keys.Prefix.Given {
		p.Prefix = longest
	}
	if s.known && !keys.Prefix.bad && p.Prefix > longest {
		s.errorf(keys.Prefix.at, "is %d (want at most %d: the service is %s)", p.Prefix, longest, s.key.Family)
	}
	return p
}

// checkHead holds the rules between the keys of the service itself.
func (s *serviceResolver) checkHead() {
	byAddress := s.known && s.key.Mark == 0
	if s.OnePacket.V && byAddress && s.key.Protocol != ipvs.UDP {
		s.errorf(s.OnePacket.at, "is for UDP only (want an address with /udp, or false)")
	}
	if byAddress && s.key.Address.Port() == 0 && !s.Persistence.Given && !s.Persistence.bad {
		s.errorf(s.Address.at, "port 0 stands for all ports, which the kernel balances with persistence only (want persistence, or one port)")
	}
	if s.OnFailure.V == decide.Quiesce && s.Scheduler.V == "dh" {
		s.errorf(s.OnFailure.at, "the scheduler dh goes on choosing a server of weight 0, and turns its clients away (want remove)")
	}
	if s.RealServers.Given && !s.RealServers.bad && len(s.RealServers.V) == 0 {
		s.errorf(s.RealServers.at, "is an empty list (want at least one real server)")
	}
}

// checkQuorum holds the rules of quorum and hysteresis: there must be a sum of
// weights that gains the quorum.
func (s *serviceResolver) checkQuorum(servers []decide.Server) {
	if s.Quorum.bad || s.Hysteresis.bad {
		return
	}
	if s.Hysteresis.V >= s.Quorum.V {
		s.errorf(s.Hysteresis.at, "is %d, at or over the quorum of %d (want less)", s.Hysteresis.V, s.Quorum.V)
		return
	}
	sum := 0
	for i, v := range s.RealServers.V {
		if v.bad || v.V.Weight.bad {
			return
		}
		sum += servers[i].Weight
	}
	if s.RealServers.bad || len(servers) == 0 || s.Quorum.V+s.Hysteresis.V <= sum {
		return
	}
	at := s.RealServers.at
	switch {
	case s.Quorum.Given:
		at = s.Quorum.at
	case s.Hysteresis.Given:
		at = s.Hysteresis.at
	}
	s.errorf(at, "quorum %d and hysteresis %d are over the sum of all weights, %d: the quorum can never be gained (want a smaller quorum or larger weights)",
		s.Quorum.V, s.Hysteresis.V, sum)
}

// sorry resolves the sorry server; seen are the service's real servers.
func (s *serviceResolver) sorry(seen firsts[netip.AddrPort]) *ipvs.Server {
	if !s.SorryServer.Given || s.SorryServer.bad {
		return nil
	}
	server := ipvs.Server{Address: s.SorryServer.V.At(s.port()), Forward: s.Forward.V, Weight: 1}
	if s.checkReach(s.SorryServer, s.Forward) {
		if line, again := seen.again(server.Address, s.SorryServer.at); again {
			s.errorf(s.SorryServer.at, "is the real server in line %d (want another server)", line)
		}
	}
	return &server
}
