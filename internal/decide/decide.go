package decide

import (
	"slices"
	"time"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

// Decide answers for all services of the file: the table that the kernel should
// hold, why, and when to ask again. It is [DecideService] for each of them; the
// memory of services that are not among them is dropped, and with it their place
// in the table, at once.
func Decide(now time.Time, services []Service, in Inputs) Decision {
	decision := Decision{
		Table:    ipvs.Table{Services: make([]ipvs.Service, 0, len(services))},
		Services: make([]ServiceReport, 0, len(services)),
		Memory:   make(Memory, len(services)),
	}
	for _, service := range services {
		key := service.Head.Key.String()
		d := DecideService(now, service, in.Services[service.Head.Key], in.Memory[key])
		decision.Table.Services = append(decision.Table.Services, d.Wanted)
		decision.Services = append(decision.Services, d.Report)
		decision.Memory[key] = d.Memory
		decision.Next = earliest(decision.Next, d.Next)
	}
	decision.Table.Sort()
	return decision
}

// DecideService answers for one service: what the kernel should hold of it, why,
// and when to ask again. The memory is that of its last decision; the zero value
// for a service that has none.
func DecideService(now time.Time, service Service, in ServiceInputs, memory ServiceMemory) ServiceDecision {
	if !memory.Seen {
		memory = adopt(&service, in.Adopted, memory)
	}
	d := decider{now: now, service: &service, hash: hashes(service.Head.Scheduler)}
	candidates := d.candidates(in, memory)
	for i := range candidates {
		d.stand(&candidates[i])
	}

	quorum := quorumWeight(candidates)
	met, failOpen, sorry := memory.Met, memory.FailOpen, memory.Sorry
	if in.Settled {
		met = judgeQuorum(&service, met, quorum)
		failOpen = judgeFailOpen(&service, failOpen, candidates)
	}
	if d.judged = memory.Judged || in.Settled; d.judged {
		sorry = !met
	}
	d.failOpen = failOpen && service.FailOpenBelow > 0
	d.sorry = sorry && !d.failOpen && sorryUsable(&service, candidates)

	for i := range candidates {
		d.place(&candidates[i])
	}
	return ServiceDecision{
		Wanted: d.wanted(candidates),
		Report: d.report(candidates, QuorumReport{
			Judged: d.judged, Met: met, Weight: quorum, Needed: service.Quorum,
		}),
		Memory: d.remember(candidates, met),
		Next:   d.next,
	}
}

// decider is one decision about one service.
type decider struct {
	now      time.Time
	service  *Service
	hash     bool // the scheduler maps clients to servers by a table
	judged   bool // quorum is judged, now or before
	failOpen bool // failed servers are served
	sorry    bool // the sorry server serves
	next     time.Time
}

// wanted is the service as the kernel should hold it.
func (d *decider) wanted(candidates []candidate) ipvs.Service {
	wanted := d.service.Head.Head()
	wanted.Servers = make([]ipvs.Server, 0, len(candidates)+1)
	if d.sorry {
		wanted.Servers = append(wanted.Servers, sorryEntry(d.service))
	}
	for i := range candidates {
		if c := &candidates[i]; c.listed && !c.asSorry {
			wanted.Servers = append(wanted.Servers, c.entry)
		}
	}
	slices.SortFunc(wanted.Servers, func(a, b ipvs.Server) int { return a.Address.Compare(b.Address) })
	return wanted
}

// earliest is the earlier of two times; zero is none.
func earliest(a, b time.Time) time.Time {
	switch {
	case a.IsZero():
		return b
	case b.IsZero() || a.Before(b):
		return a
	default:
		return b
	}
}
