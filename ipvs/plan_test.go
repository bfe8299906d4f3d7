package ipvs_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mainstay-lvs/mainstay/internal/lab/tablegen"
	"github.com/mainstay-lvs/mainstay/ipvs"
)

func parse(t *testing.T, text string) ipvs.Table {
	t.Helper()
	table, err := ipvs.ParseTable(strings.ReplaceAll(text, "\t", ""))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestPlan(t *testing.T) {
	for _, c := range []struct{ name, current, wanted, want string }{
		{
			name:    "nothing to do",
			current: `-A -t 192.0.2.1:80 -s rr`,
			wanted:  `-A -t 192.0.2.1:80 -s rr`,
		},
		{
			name: "from empty: the service before its servers",
			wanted: `-A -t 192.0.2.1:80 -s rr
				-a -t 192.0.2.1:80 -r 192.0.2.7:80 -m -w 1`,
			want: `-A -t 192.0.2.1:80 -s rr
				-a -t 192.0.2.1:80 -r 192.0.2.7:80 -m -w 1`,
		},
		{
			name: "a server replaced: added before the other is deleted",
			current: `-A -t 192.0.2.1:80 -s rr
				-a -t 192.0.2.1:80 -r 192.0.2.7:80 -m -w 1`,
			wanted: `-A -t 192.0.2.1:80 -s rr
				-a -t 192.0.2.1:80 -r 192.0.2.8:80 -m -w 1`,
			want: `-a -t 192.0.2.1:80 -r 192.0.2.8:80 -m -w 1
				-d -t 192.0.2.1:80 -r 192.0.2.7:80`,
		},
		{
			name: "scheduler, weight, method and tunnel are edited in place",
			current: `-A -t 192.0.2.1:80 -s rr
				-a -t 192.0.2.1:80 -r 192.0.2.7:80 -m -w 1
				-a -t 192.0.2.1:80 -r 192.0.2.8:80 -g -w 1
				-a -t 192.0.2.1:80 -r 192.0.2.9:80 -i -w 1 --tun-type ipip`,
			wanted: `-A -t 192.0.2.1:80 -s wrr -p 60
				-a -t 192.0.2.1:80 -r 192.0.2.7:80 -m -w 5
				-a -t 192.0.2.1:80 -r 192.0.2.8:80 -m -w 1
				-a -t 192.0.2.1:80 -r 192.0.2.9:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum`,
			want: `-E -t 192.0.2.1:80 -s wrr -p 60
				-e -t 192.0.2.1:80 -r 192.0.2.7:80 -m -w 5
				-e -t 192.0.2.1:80 -r 192.0.2.8:80 -m -w 1
				-e -t 192.0.2.1:80 -r 192.0.2.9:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum`,
		},
		{
			name: "a service that moves: the new one is whole before the old one goes",
			current: `-A -t 192.0.2.1:80 -s rr
				-a -t 192.0.2.1:80 -r 192.0.2.7:80 -m -w 1`,
			wanted: `-A -t 192.0.2.2:80 -s rr
				-a -t 192.0.2.2:80 -r 192.0.2.7:80 -m -w 1`,
			want: `-A -t 192.0.2.2:80 -s rr
				-a -t 192.0.2.2:80 -r 192.0.2.7:80 -m -w 1
				-D -t 192.0.2.1:80`,
		},
		{
			name:    "firewall marks of both families are two services",
			current: `-A -f 7 -s rr`,
			wanted:  `-A -f 7 -6 -s rr`,
			want: `-A -f 7 -6 -s rr
				-D -f 7`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got strings.Builder
			for _, change := range ipvs.Plan(parse(t, c.current), parse(t, c.wanted)) {
				got.WriteString(change.String() + "\n")
			}
			want := strings.TrimSuffix(strings.ReplaceAll(c.want, "\t", "")+"\n", "\n\n")
			if c.want == "" {
				want = ""
			}
			if diff := cmp.Diff(want, got.String()); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// From any table to any other, the plan leads there, and a second one is empty.
func TestPlanReachesTheWantedTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		current := tablegen.Table(ipvs.Schedulers).Draw(t, "current")
		wanted := tablegen.Table(ipvs.Schedulers).Draw(t, "wanted")
		reached, err := current.Apply(ipvs.Plan(current, wanted))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wanted, reached.Sort(), sameTable); diff != "" {
			t.Fatalf("reached another table (-want +got):\n%s", diff)
		}
		if again := ipvs.Plan(reached, wanted); len(again) != 0 {
			t.Fatalf("a second plan is not empty: %v", again)
		}
	})
}

// At no step has a service fewer servers than both the tables agree on, and what
// both tables hold is never deleted.
func TestPlanNeverEmptiesAService(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		current := tablegen.Table(ipvs.Schedulers).Draw(t, "current")
		wanted := tablegen.Table(ipvs.Schedulers).Draw(t, "wanted")
		changes := ipvs.Plan(current, wanted)
		for i := range changes {
			step, err := current.Apply(changes[:i+1])
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range wanted.Services {
				h, had := current.Service(w.Key)
				if !had {
					continue
				}
				s, ok := step.Service(w.Key)
				if !ok || len(s.Servers) < min(len(h.Servers), len(w.Servers)) {
					t.Fatalf("after %s the service %s has %d servers, from %d to %d", changes[i], w.Key, len(s.Servers), len(h.Servers), len(w.Servers))
				}
			}
		}
	})
}

func TestApplyRefusesWhatTheKernelWould(t *testing.T) {
	web := parse(t, "-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 192.0.2.7:80 -m -w 1")
	service, server := web.Services[0].Head(), web.Services[0].Servers[0]
	for _, c := range []ipvs.Change{
		{Op: ipvs.AddService, Service: service},
		{Op: ipvs.AddServer, Service: service, Server: server},
	} {
		if _, err := web.Apply([]ipvs.Change{c}); err == nil {
			t.Errorf("%s was taken a second time", c)
		}
		if _, err := (ipvs.Table{}).Apply([]ipvs.Change{{Op: c.Op + 1, Service: service, Server: server}}); err == nil {
			t.Errorf("%s: an edit of nothing was taken", c)
		}
	}
}
