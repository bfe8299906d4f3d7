package mastership

import (
	"fmt"

	"github.com/mainstay-lvs/mainstay/vrrp"
)

// member is what a sync group must know of a router.
type member struct {
	name    string
	state   vrrp.State
	wanting bool   // it would be master now
	follows bool   // another host is its master
	fault   string // why it can't take part by itself; empty: it can
}

// groupFault is why a member can't take part because of the others: the fault of one is a
// fault of all. Empty: it can.
func groupFault(group string, members []member, of int) string {
	for i, m := range members {
		if i != of && m.fault != "" {
			return fmt.Sprintf("%s of sync group %s is in fault: %s", m.name, group, m.fault)
		}
	}
	return ""
}

// settleGroup says what each member of a sync group must be told now, so that they move
// together; nobody else need be told anything. The caller steps their machines
// and asks again, until there is nothing more to tell.
//
// All are master or none is: a router becomes master when each member is master or would
// be, and goes to backup when one follows another host. So where members disagree backup
// wins, and they do not chase each other. A member that has just begun, and does not know
// yet whether there is a master, moves nobody.
func settleGroup(group string, members []member) map[int]vrrp.Event {
	ready, reluctant := true, ""
	for _, m := range members {
		switch {
		case m.state == vrrp.Backup && !m.wanting:
			ready = false
			if m.follows {
				reluctant = m.name
			}
		case m.state != vrrp.Master && m.state != vrrp.Backup:
			ready = false
		}
	}
	told := make(map[int]vrrp.Event)
	for i, m := range members {
		switch {
		case ready && m.state == vrrp.Backup:
			told[i] = vrrp.Event{Kind: vrrp.GroupMaster}
		case reluctant != "" && m.state == vrrp.Master:
			told[i] = vrrp.Event{Kind: vrrp.GroupBackup, Cause: fmt.Sprintf("%s of sync group %s is not master", reluctant, group)}
		}
	}
	return told
}
