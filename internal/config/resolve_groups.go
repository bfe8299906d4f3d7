package config

import (
	"fmt"
	"maps"

	"github.com/mainstay-lvs/mainstay/vrrp"
)

// syncGroups are the routers of each sync group, by its name.
type syncGroups map[string][]grouped

// grouped is a router of a sync group.
type grouped struct {
	*RouterKeys
	penalties map[string]int // by what lowers its priority
}

func (g syncGroups) add(k *RouterKeys, router *VirtualRouter) {
	if !k.SyncGroup.Given || k.SyncGroup.bad {
		return
	}
	m := grouped{k, map[string]int{}}
	for _, s := range router.Services {
		m.penalties["virtual service "+s.Name] = s.Penalty
	}
	for _, c := range router.Commands {
		m.penalties[fmt.Sprintf("command %#v", c.Spec.Options)] = c.Penalty
	}
	g[k.SyncGroup.V] = append(g[k.SyncGroup.V], m)
}

// warnGroups warns of sync groups whose routers do not want the same: a group becomes
// master when each of its routers would.
func (r *resolver) warnGroups(groups syncGroups) {
	for _, members := range groups {
		first := members[0]
		if len(members) == 1 {
			r.warnf(first.SyncGroup.at, "is the sync group of this router alone (want the same for those that shall move together, or this left out)")
		}
		for _, m := range members[1:] {
			r.warnDiffering(first, m)
		}
	}
}

func (r *resolver) warnDiffering(first, m grouped) {
	at, line := m.SyncGroup.at, first.SyncGroup.at.line
	if first.Preempt.V != m.Preempt.V {
		r.warnf(at, "this router and the one of the same group in line %d differ in preempt: the group preempts only where each of its routers does (want one preempt for all)", line)
	}
	if (first.Priority.V == vrrp.OwnerPriority) != (m.Priority.V == vrrp.OwnerPriority) {
		r.warnf(at, "of this router and the one of the same group in line %d, one has priority 255: it waits for the other all the same (want 255 for all, or for none)", line)
	}
	if !maps.Equal(first.penalties, m.penalties) {
		r.warnf(at, "this router and the one of the same group in line %d have different penalties: the group moves only when each of its routers would (want the same for all)", line)
	}
}
