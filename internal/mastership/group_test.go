package mastership

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mainstay-lvs/mainstay/vrrp"
)

// parseMembers reads members such as "a:master; b:backup+wants; c:fault(eth1 is down)". A backup+follows has
// heard a master.
func parseMembers(text string) []member {
	var out []member
	for _, word := range strings.Split(text, "; ") {
		name, state, _ := strings.Cut(word, ":")
		m := member{name: name}
		state, m.wanting = strings.CutSuffix(state, "+wants")
		state, m.follows = strings.CutSuffix(state, "+follows")
		if s, why, ok := strings.Cut(state, "("); ok {
			state, m.fault = s, strings.TrimSuffix(why, ")")
		}
		for s := vrrp.Init; s <= vrrp.Retiring; s++ {
			if s.String() == state {
				m.state = s
			}
		}
		out = append(out, m)
	}
	return out
}

func TestSettleGroup(t *testing.T) {
	for _, c := range []struct{ members, want string }{
		{"a:backup; b:backup", ""},
		{"a:backup+wants; b:backup", ""},
		{"a:backup+wants; b:backup+follows", ""},
		{"a:backup+wants; b:backup+wants", "a group-master, b group-master"},
		{"a:master; b:backup+wants", "b group-master"},
		{"a:master; b:master", ""},
		{"a:master; b:backup", ""}, // it has just begun
		{"a:master; b:backup+follows", "a group-backup (b of sync group g is not master)"},
		{"a:master; b:retiring", ""},
		{"a:backup+wants; b:retiring", ""},
		{"a:backup+follows; b:retiring; c:master", "c group-backup (a of sync group g is not master)"},
		{"a:fault(eth1 is down); b:fault", ""},
		{"a:fault(eth1 is down); b:backup+wants", ""},
		{"a:init; b:backup+wants", ""},
	} {
		t.Run(c.members, func(t *testing.T) {
			members := parseMembers(c.members)
			told := settleGroup("g", members)
			var got []string
			for i, m := range members {
				if e, ok := told[i]; ok {
					line := m.name + " " + e.Kind.String()
					if e.Cause != "" {
						line += " (" + e.Cause + ")"
					}
					got = append(got, line)
				}
			}
			if s := strings.Join(got, ", "); s != c.want {
				t.Errorf("told %q, want %q", s, c.want)
			}
		})
	}
}

func TestAFaultOfOneIsAFaultOfAll(t *testing.T) {
	members := parseMembers("a:master; b:fault(eth1 is down); c:backup")
	for i, want := range []string{"b of sync group g is in fault: eth1 is down", "", "b of sync group g is in fault: eth1 is down"} {
		if got := groupFault("g", members, i); got != want {
			t.Errorf("%s: %q, want %q", members[i].name, got, want)
		}
	}
}

// However a group begins, it comes to rest with all members master or none, when each is
// told what it must be told and does it.
func TestAGroupComesToRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5).Draw(t, "members")
		members := make([]member, n)
		for i := range members {
			members[i] = member{name: fmt.Sprint(i), state: rapid.SampledFrom([]vrrp.State{vrrp.Backup, vrrp.Master}).Draw(t, "state")}
			members[i].wanting = members[i].state == vrrp.Backup && rapid.Bool().Draw(t, "wanting")
			members[i].follows = members[i].state == vrrp.Backup && !members[i].wanting
		}
		reluctant := slices.ContainsFunc(members, func(m member) bool { return m.follows })
		for round := 0; ; round++ {
			told := settleGroup("g", members)
			if len(told) == 0 {
				break
			}
			if round > 2 {
				t.Fatalf("still told after %d rounds: %v", round, told)
			}
			for i, e := range told {
				switch e.Kind {
				case vrrp.GroupMaster:
					members[i].state, members[i].wanting, members[i].follows = vrrp.Master, false, false
				case vrrp.GroupBackup:
					members[i].state = vrrp.Backup
				}
			}
		}
		for _, m := range members {
			if want := map[bool]vrrp.State{true: vrrp.Backup, false: vrrp.Master}[reluctant]; m.state != want {
				t.Fatalf("%+v, want all %v", members, want)
			}
		}
	})
}
