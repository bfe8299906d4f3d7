package config

import (
	"slices"
	"strings"

	"github.com/mainstay-lvs/mainstay/checker"
	"github.com/mainstay-lvs/mainstay/internal/decide"
	"github.com/mainstay-lvs/mainstay/ipvs"
)

// What schedulers make of weights.
var (
	ignoreWeight = []string{"rr", "lc", "dh"} // but for weight 0
	noSlowStart  = []string{"sh", "mh", "dh"} // each step would rebuild their buckets
)

// coarse is the weight under which a percentage of it is only roughly right.
const coarse = 10

// noted is what is noted while servers are resolved, and warned of once for
// the whole service.
type noted struct {
	unchecked int        // servers without checks that don't say so themselves
	asks      *usedCheck // the first check that can ask for a part of the weight
	sets      *usedCheck // the first check that can ask for another weight
	drained   bool       // a server has weight 0
}

// noteChecks notes what the warnings need to know of one server.
func (s *serviceResolver) noteChecks(k *ServerKeys, at place, used []usedCheck) {
	switch {
	case k.Checks.bad:
	case k.Checks.Given && len(k.Checks.V) == 0:
		s.warnf(k.Checks.at, "no checks: this server always counts as up (want at least one)")
	case !k.Checks.Given && !s.Checks.bad && len(s.Checks.V) == 0:
		s.noted.unchecked++
	}
	for i := range used {
		switch o := used[i].options.(type) {
		case checker.Monitor, checker.Heartbeat, checker.Agent:
			if s.noted.asks == nil {
				s.noted.asks = &used[i]
			}
		case checker.Command:
			if o.DynamicWeight && s.noted.sets == nil {
				s.noted.sets = &used[i]
			}
		}
	}
	s.noted.drained = s.noted.drained || k.Weight.Given && k.Weight.V == 0
}

// warn says what is allowed in this service and probably not meant.
func (s *serviceResolver) warn() {
	if s.noted.unchecked > 0 {
		at := s.at.key("checks")
		if s.Checks.Given {
			at = s.Checks.at
		}
		s.warnf(at, "no checks: %d of the %d real servers always count as up (want at least one check, as in [tcp])",
			s.noted.unchecked, len(s.RealServers.V))
	}
	s.warnFallback()
	if s.Scheduler.bad {
		return
	}
	if s.SlowStart.V > 0 && !s.SlowStart.bad {
		s.warnWeight(s.SlowStart.at, "slow_start", slices.Concat(ignoreWeight, noSlowStart))
	}
	if u := s.noted.asks; u != nil {
		s.warnWeight(u.at, "the weight that "+article(u.options.Kind())+" asks for", ignoreWeight)
	}
	if u := s.noted.sets; u != nil {
		s.warnIgnored(u.at, "dynamic_weight", ignoreWeight)
	}
}

// article puts an article before the name of a kind.
func article(kind string) string {
	if kind == "agent" {
		return "an agent"
	}
	return "a " + kind
}

// warnFallback warns of schedulers that send clients to servers with weight 0.
func (s *serviceResolver) warnFallback() {
	scheduler := s.Scheduler.V
	if scheduler != "sh" && scheduler != "mh" || s.Scheduler.bad || s.SchedulerFlags.bad {
		return
	}
	for _, f := range s.SchedulerFlags.V {
		if f.bad || strings.HasSuffix(f.V, "-fallback") || f.V == "flag-1" {
			return
		}
	}
	if s.OnFailure.V == decide.Quiesce || s.DrainTimeout.V > 0 || s.noted.drained {
		s.warnf(s.Scheduler.at, "%s refuses the clients of a server with weight 0, as drained and quiesced ones have (want scheduler_flags: [%s-fallback])",
			scheduler, scheduler)
	}
}

// warnWeight warns where something changes weights and the scheduler ignores
// them, or they are too small to be divided.
func (s *serviceResolver) warnWeight(at place, what string, ignoring []string) {
	if s.warnIgnored(at, what, ignoring) {
		return
	}
	for _, v := range s.RealServers.V {
		if w := v.V.Weight; !v.bad && !w.bad && w.V > 0 && w.V < coarse {
			s.warnf(at, "%s moves in coarse steps under weight %d, and %s has %d (want larger weights)", what, coarse, v.V.Address.V, w.V)
			return
		}
	}
}

// warnIgnored warns where something changes weights and the scheduler ignores them.
func (s *serviceResolver) warnIgnored(at place, what string, ignoring []string) bool {
	if !slices.Contains(ignoring, s.Scheduler.V) {
		return false
	}
	s.warnf(at, "%s has no effect with the scheduler %s (want one that minds weights, as %s does)", what, s.Scheduler.V, ipvs.DefaultScheduler)
	return true
}
