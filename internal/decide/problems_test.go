package decide

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

// problems are what is wrong with a decision, whatever its inputs are.
func problems(now time.Time, services []Service, in Inputs, d Decision) []string {
	var p []string
	add := func(format string, args ...any) { p = append(p, fmt.Sprintf(format, args...)) }

	if !d.Next.IsZero() && !d.Next.After(now) {
		add("next is %s, not after now, %s", d.Next, now)
	}
	again := Decide(now, services, Inputs{Services: in.Services, Memory: in.Memory})
	if diff := cmp.Diff(d, again, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		add("not deterministic:\n%s", diff)
	}
	again = Decide(now, services, Inputs{Services: in.Services, Memory: d.Memory})
	if diff := cmp.Diff(d.Table, again.Table, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		add("asked again, the table is another:\n%s", diff)
	}
	if !d.Next.Equal(again.Next) {
		add("asked again, next is %s, not %s", again.Next, d.Next)
	}
	if len(d.Table.Services) != len(services) {
		add("%d services in the table, %d in the file", len(d.Table.Services), len(services))
	}
	for i, service := range services {
		wanted, _ := d.Table.Service(service.Head.Key)
		serviceProblems(service, wanted, d.Services[i], add)
		if m := d.Memory[service.Head.Key.String()]; len(m.Servers) != len(d.Services[i].Servers) {
			add("%s: %d servers remembered, %d reported", service.Name, len(m.Servers), len(d.Services[i].Servers))
		}
	}
	return p
}

func serviceProblems(service Service, wanted ipvs.Service, r ServiceReport, add func(string, ...any)) {
	entries := map[netip.AddrPort]ipvs.Server{}
	for i, e := range wanted.Servers {
		if i > 0 && wanted.Servers[i-1].Address.Compare(e.Address) >= 0 {
			add("%s: %s twice, or out of order", service.Name, e.Address)
		}
		entries[e.Address] = e
	}
	isSorry := func(a netip.AddrPort) bool { return r.Sorry && a == service.Sorry.Address }

	reported := map[netip.AddrPort]bool{}
	for i, s := range r.Servers {
		reported[s.Address] = true
		entry, listed := entries[s.Address]
		if s.InTable != listed || s.Effective != entry.Weight {
			add("%s: %s is reported with %d, %t; the table says %d, %t",
				service.Name, s.Address, s.Effective, s.InTable, entry.Weight, listed)
		}
		if !strings.HasPrefix(s.Why, string(s.State)+": ") || len(s.Why) <= len(s.State)+2 {
			add("%s: %s is %s, and why says %q", service.Name, s.Address, s.State, s.Why)
		}
		if s.Leaving != (i >= len(service.Servers)) {
			add("%s: %s is leaving: %t", service.Name, s.Address, s.Leaving)
		}
		if isSorry(s.Address) {
			continue
		}
		switch {
		case s.State == StateMaint && listed:
			add("%s: %s is in maint and in the table", service.Name, s.Address)
		case s.State == StateDrain && entry.Weight != 0:
			add("%s: %s drains with weight %d", service.Name, s.Address, entry.Weight)
		case s.State == StateDown && entry.Weight != 0 && !r.FailOpen:
			add("%s: %s is down and has weight %d", service.Name, s.Address, entry.Weight)
		case s.State == StateUp && !listed && !r.Sorry:
			add("%s: %s is up and out, without a sorry server", service.Name, s.Address)
		case r.Sorry && r.Quorum.Judged && entry.Weight != 0:
			add("%s: %s serves beside the sorry server", service.Name, s.Address)
		}
		if strings.Contains(s.Why, "  ") || strings.HasSuffix(s.Why, " ") {
			add("%s: %s: stray spaces in %q", service.Name, s.Address, s.Why)
		}
	}
	for a := range entries {
		if !reported[a] && !isSorry(a) {
			add("%s: %s is in the table, and nobody knows why", service.Name, a)
		}
	}
	if r.Sorry {
		if _, listed := entries[service.Sorry.Address]; !listed {
			add("%s: the sorry server serves and is not in the table", service.Name)
		}
		if r.FailOpen || r.Quorum.Judged && r.Quorum.Met {
			add("%s: the sorry server serves, with quorum %+v, fail open %t", service.Name, r.Quorum, r.FailOpen)
		}
	}
}
