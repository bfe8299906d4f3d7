package decide

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

var compareAddresses = cmpopts.EquateComparable(netip.AddrPort{})

// history is a daemon's life by chance: a file, verdicts, an operator, reloads,
// restarts and time.
type history struct {
	now      time.Time
	services []Service
	inputs   map[ipvs.Key]ServiceInputs
	memory   Memory
	decision Decision
}

var (
	someServers = []netip.AddrPort{
		netip.MustParseAddrPort("192.0.2.21:80"), netip.MustParseAddrPort("192.0.2.22:80"),
		netip.MustParseAddrPort("192.0.2.23:80"), netip.MustParseAddrPort("192.0.2.24:80"),
	}
	someSorry = append([]netip.AddrPort{netip.MustParseAddrPort("192.0.2.99:80")}, someServers...)
	someKeys  = []ipvs.Key{
		ipvs.AddressKey(ipvs.TCP, netip.MustParseAddrPort("192.0.2.100:80")),
		ipvs.AddressKey(ipvs.UDP, netip.MustParseAddrPort("192.0.2.100:0")),
		ipvs.MarkKey(7, ipvs.IPv4),
	}
	someWeights   = rapid.SampledFrom([]int{0, 1, 2, 10, 100, 65535})
	somePercents  = rapid.SampledFrom([]int{0, 1, 50, 80, 100})
	someDurations = rapid.SampledFrom([]time.Duration{0, 1500 * time.Millisecond, 5 * time.Second, time.Minute})
)

func drawService(t *rapid.T, key ipvs.Key) Service {
	s := Service{
		Name: key.String(),
		Head: ipvs.Service{
			Key:       key,
			Scheduler: rapid.SampledFrom([]string{"wlc", "wlc", "mh"}).Draw(t, "scheduler"),
		},
		Quorum:        rapid.IntRange(1, 5).Draw(t, "quorum"),
		OnFailure:     rapid.SampledFrom([]OnFailure{Remove, Quiesce}).Draw(t, "on_failure"),
		FailOpenBelow: rapid.SampledFrom([]int{0, 50, 95}).Draw(t, "fail_open_below"),
		SlowStart:     someDurations.Draw(t, "slow_start"),
		DrainTimeout:  someDurations.Draw(t, "drain_timeout"),
	}
	s.Hysteresis = rapid.IntRange(0, s.Quorum-1).Draw(t, "hysteresis")
	if rapid.Bool().Draw(t, "sorry") {
		s.Sorry = &ipvs.Server{
			Address: rapid.SampledFrom(someSorry).Draw(t, "sorry_server"), Forward: ipvs.DR, Weight: 1,
		}
	}
	for _, a := range someServers {
		if rapid.IntRange(0, 4).Draw(t, "in the file") == 0 {
			continue
		}
		s.Servers = append(s.Servers, Server{
			Server: ipvs.Server{Address: a, Forward: ipvs.NAT, Weight: someWeights.Draw(t, "weight")},
			Checks: rapid.SampledFrom([][]string{nil, {"tcp"}, {"bastion"}, {"tcp", "bastion"}}).Draw(t, "checks"),
		})
	}
	return s
}

func drawHistory(t *rapid.T) *history {
	h := &history{
		now:    time.Date(2026, 3, 1, 22, 14, 0, 0, time.UTC),
		inputs: map[ipvs.Key]ServiceInputs{},
	}
	for _, key := range someKeys[:rapid.IntRange(1, len(someKeys)).Draw(t, "services")] {
		h.services = append(h.services, drawService(t, key))
		h.inputs[key] = ServiceInputs{Servers: map[netip.AddrPort]ServerInputs{}}
	}
	h.decide()
	return h
}

func (h *history) decide() {
	h.decision = Decide(h.now, h.services, h.ask())
	h.memory = h.decision.Memory
}

func (h *history) ask() Inputs { return Inputs{Services: h.inputs, Memory: h.memory} }

// step lets one thing happen, before the next decision.
func (h *history) step(t *rapid.T) {
	i := rapid.IntRange(0, len(h.services)-1).Draw(t, "service")
	key := h.services[i].Head.Key
	switch rapid.IntRange(0, 9).Draw(t, "event") {
	case 0:
		h.services[i] = drawService(t, key) // a reload
	case 1:
		in := h.inputs[key]
		in.Settled = rapid.Bool().Draw(t, "settled")
		h.inputs[key] = in
	case 2:
		h.now = h.now.Add(rapid.SampledFrom([]time.Duration{
			time.Millisecond, time.Second, 10 * time.Second, time.Hour,
		}).Draw(t, "later"))
	case 3:
		if !h.decision.Next.IsZero() {
			h.now = h.decision.Next
		}
	case 4:
		h.restart()
	default:
		a := rapid.SampledFrom(someServers).Draw(t, "server")
		server := h.inputs[key].Servers[a]
		h.drawServer(t, &server)
		h.inputs[key].Servers[a] = server
	}
}

func (h *history) drawServer(t *rapid.T, in *ServerInputs) {
	switch rapid.IntRange(0, 3).Draw(t, "of a server") {
	case 0:
		in.Override = Override{
			Drain: rapid.Bool().Draw(t, "drain"),
			Maint: rapid.IntRange(0, 3).Draw(t, "maint") == 0,
			Since: h.now,
		}
		if rapid.Bool().Draw(t, "weight set") {
			w := someWeights.Draw(t, "operator's weight")
			in.Override.Weight = &w
		}
	case 1:
		in.Connections = Connections{At: h.now, Active: rapid.Uint32Range(0, 1).Draw(t, "active")}
	default:
		c := Check{
			Name:     rapid.SampledFrom([]string{"tcp", "bastion"}).Draw(t, "check"),
			Verdict:  rapid.SampledFrom([]Verdict{Unknown, Up, Up, Down}).Draw(t, "verdict"),
			Mode:     rapid.SampledFrom([]Mode{Serving, Serving, Draining, Maintenance}).Draw(t, "mode"),
			Starting: rapid.Bool().Draw(t, "starting"),
			Percent:  somePercents.Draw(t, "percent"),
		}
		if rapid.IntRange(0, 3).Draw(t, "asks for numbers") == 0 {
			c.Weight = Some(someWeights.Draw(t, "check's weight"))
			c.MaxConnections = Some(someWeights.Draw(t, "connections"))
		}
		in.Checks = slices.DeleteFunc(slices.Clone(in.Checks), func(other Check) bool { return other.Name == c.Name })
		in.Checks = append(in.Checks, c)
	}
}

// restart loses all but the file, the overrides, what is kept, and the kernel.
func (h *history) restart() {
	saved, err := json.Marshal(h.memory.Kept())
	if err != nil {
		panic(err)
	}
	h.memory = nil
	if err := json.Unmarshal(saved, &h.memory); err != nil {
		panic(err)
	}
	for _, s := range h.services {
		in := ServiceInputs{Servers: map[netip.AddrPort]ServerInputs{}}
		if found, ok := h.decision.Table.Service(s.Head.Key); ok {
			in.Adopted = &found
		}
		for a, server := range h.inputs[s.Head.Key].Servers {
			in.Servers[a] = ServerInputs{Override: server.Override}
		}
		h.inputs[s.Head.Key] = in
	}
}

// whatever runs a property on many moments of many histories.
func whatever(t *testing.T, property func(t *rapid.T, h *history)) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t)
		for range rapid.IntRange(0, 25).Draw(t, "steps") {
			h.step(t)
			h.decide()
		}
		property(t, h)
	})
}

// Whatever happened, a decision holds together: see [problems].
func TestEveryDecisionHoldsTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t)
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			h.step(t)
			in := h.ask()
			h.decide()
			if p := problems(h.now, h.services, in, h.decision); p != nil {
				t.Fatalf("%s\n%+v", strings.Join(p, "\n"), h.decision.Services)
			}
		}
	})
}

// A restart applies no delete and no weight change, as long as checks have no
// verdict.
func TestRestartCutsNothing(t *testing.T) {
	whatever(t, func(t *rapid.T, h *history) {
		before := h.decision
		h.restart()
		h.decide()
		if c := cuts(before.Table, h.decision.Table); c != nil {
			t.Fatalf("%sbefore: %+v\nafter: %+v", strings.Join(c, ""), before.Services, h.decision.Services)
		}
	})
}

// Until Next nothing changes by itself.
func TestNothingChangesBeforeNext(t *testing.T) {
	whatever(t, func(t *rapid.T, h *history) {
		wait := 1000 * time.Hour
		if next := h.decision.Next; !next.IsZero() {
			wait = next.Sub(h.now) - 1
		}
		later := h.now.Add(time.Duration(rapid.Int64Range(0, int64(wait)).Draw(t, "wait")))
		d := Decide(later, h.services, h.ask())
		if diff := cmp.Diff(h.decision.Table, d.Table, compareAddresses); diff != "" {
			t.Fatalf("%s after the decision, next is %s:\n%s", later.Sub(h.now), h.decision.Next, diff)
		}
	})
}

// A service is decided about alone: the others don't matter, nor does it matter
// which decision it is part of.
func TestServicesAreIndependent(t *testing.T) {
	whatever(t, func(t *rapid.T, h *history) {
		h.step(t)
		all := Decide(h.now, h.services, h.ask())
		for i, s := range h.services {
			one := DecideService(h.now, s, h.inputs[s.Head.Key], h.memory[s.Head.Key.String()])
			wanted, _ := all.Table.Service(s.Head.Key)
			if diff := cmp.Diff(wanted, one.Wanted, compareAddresses); diff != "" {
				t.Fatalf("the table, with the others and alone:\n%s", diff)
			}
			if diff := cmp.Diff(all.Services[i], one.Report, compareAddresses); diff != "" {
				t.Fatalf("the report, with the others and alone:\n%s", diff)
			}
			if diff := cmp.Diff(all.Memory[s.Head.Key.String()], one.Memory, compareAddresses); diff != "" {
				t.Fatalf("the memory, with the others and alone:\n%s", diff)
			}
		}
	})
}

// A decision changes nothing that it is given.
func TestInputsAreLeftAlone(t *testing.T) {
	whatever(t, func(t *rapid.T, h *history) {
		h.step(t)
		before := fmt.Sprintf("%+v", h.services)
		services := maps.Clone(h.inputs)
		for key, in := range services {
			in.Servers = maps.Clone(in.Servers)
			for a, server := range in.Servers {
				server.Checks = slices.Clone(server.Checks)
				in.Servers[a] = server
			}
			if in.Adopted != nil {
				found := *in.Adopted
				found.Servers = slices.Clone(found.Servers)
				in.Adopted = &found
			}
			services[key] = in
		}
		memory := maps.Clone(h.memory)
		for key, m := range memory {
			m.Servers = slices.Clone(m.Servers)
			memory[key] = m
		}
		Decide(h.now, h.services, h.ask())
		if diff := cmp.Diff(Inputs{Services: services, Memory: memory}, h.ask(), compareAddresses); diff != "" {
			t.Fatal(diff)
		}
		if after := fmt.Sprintf("%+v", h.services); after != before {
			t.Fatalf("%s\nwas\n%s", after, before)
		}
	})
}

// A memory survives JSON: the decisions after it are the same.
func TestMemorySurvivesJSON(t *testing.T) {
	whatever(t, func(t *rapid.T, h *history) {
		h.step(t)
		saved, err := json.Marshal(h.memory)
		if err != nil {
			t.Fatal(err)
		}
		var read Memory
		if err := json.Unmarshal(saved, &read); err != nil {
			t.Fatal(err)
		}
		want := Decide(h.now, h.services, h.ask())
		got := Decide(h.now, h.services, Inputs{Services: h.inputs, Memory: read})
		if diff := cmp.Diff(want, got, compareAddresses); diff != "" {
			t.Fatalf("%s\n%s", saved, diff)
		}
	})
}

// A server that is up and asks for some traffic gets some, and never more than W.
func TestWeightsAreWithinBounds(t *testing.T) {
	whatever(t, func(t *rapid.T, h *history) {
		for i, s := range h.services {
			for j, r := range h.decision.Services[i].Servers {
				if r.State != StateUp || !r.InTable || h.decision.Services[i].Sorry {
					continue
				}
				in := h.inputs[s.Head.Key].Servers[r.Address]
				least, most := s.Servers[j].Weight, s.Servers[j].Weight
				for _, c := range in.Checks {
					if c.Weight.Given {
						least, most = min(least, c.Weight.Value), max(most, c.Weight.Value)
					}
				}
				if in.Override.Weight != nil {
					least, most = *in.Override.Weight, *in.Override.Weight
				}
				waits := strings.Contains(r.Why, "until") || strings.Contains(r.Why, "its last answer")
				if r.Effective < 0 || r.Effective > most && !waits {
					t.Fatalf("%d, W is at most %d: %s", r.Effective, most, r.Why)
				}
				asksForNone := slices.ContainsFunc(in.Checks, func(c Check) bool { return c.Percent == 0 })
				if least > 0 && r.Effective == 0 && !asksForNone && !waits {
					t.Fatalf("no weight, W is at least %d: %s", least, r.Why)
				}
			}
		}
	})
}
