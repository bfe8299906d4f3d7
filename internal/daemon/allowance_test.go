package daemon

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mainstay-lvs/mainstay/checker"
	"github.com/mainstay-lvs/mainstay/internal/config"
	"github.com/mainstay-lvs/mainstay/internal/decide"
)

// watched is a file with services whose servers are watched: "web: 1 1 2" is a service with
// servers of those weights.
func watched(t *testing.T, services ...string) *config.Config {
	t.Helper()
	text := "virtual_services:\n"
	for i, s := range services {
		name, weights, _ := strings.Cut(s, ":")
		text += fmt.Sprintf("  - {name: %s, address: \"192.0.2.100:%d/tcp\", forward: nat, checks: [{monitor: {port: 9651, service: a, mode: watch}}], real_servers: [", name, 80+i)
		for j, w := range strings.Fields(weights) {
			text += fmt.Sprintf("{address: \"192.0.2.%d:80\", weight: %s},", j+1, w)
		}
		text += "]}\n"
	}
	file, problems := config.Parse("m.yaml", []byte(text), config.ThisHost{})
	if file == nil {
		t.Fatal(problems.Err())
	}
	return file
}

// keys are the keys of the checks of a service's servers.
func keys(file *config.Config, service int) (keys []checker.Key) {
	for _, checks := range file.Services[service].Checks {
		keys = append(keys, checks[0].Spec.Key())
	}
	return keys
}

func TestAllowance(t *testing.T) {
	for _, c := range []struct {
		name    string
		weights string
		refused []string // "server@ms", in this order
		want    []bool
	}{
		{"one server is always allowed", "1", []string{"0@0"}, []bool{true}},
		{"one of two, and the other an interval later", "1 1", []string{"0@0", "1@10", "1@999", "1@1000"}, []bool{true, false, false, true}},
		{"a quarter of eight", "1 1 1 1 1 1 1 1", []string{"0@0", "1@1", "2@2", "3@3"}, []bool{true, true, false, false}},
		{"by weight: one heavy server is more than a quarter, and first", "100 1 1", []string{"0@0", "1@1"}, []bool{true, false}},
		{"by weight: the light ones fit before the heavy one", "10 1 1", []string{"1@0", "2@1", "0@2"}, []bool{true, true, false}},
		{"weight 0 costs nothing", "4 0 0", []string{"1@0", "2@1"}, []bool{true, true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := watched(t, "web: "+c.weights)
			var a allowance
			a.set(file.Services)
			for i, r := range c.refused {
				var server, ms int
				if _, err := fmt.Sscanf(r, "%d@%d", &server, &ms); err != nil {
					t.Fatal(err)
				}
				now := start.Add(time.Duration(ms) * time.Millisecond)
				if got := a.allow(now, keys(file, 0)[server]); got != c.want[i] {
					t.Errorf("%s: allowed %v, want %v", r, got, c.want[i])
				}
			}
		})
	}
}

// A monitor that two services ask has to be spared by both.
func TestAllowanceOfACheckInTwoServices(t *testing.T) {
	file := watched(t, "small: 1 1", "large: 1 1 1 1 1 1 1 1")
	for _, s := range file.Services[1].Checks { // the same check: the server it is asked about is the small service's
		m := s[0].Spec.Options.(checker.Monitor)
		i := slices.IndexFunc(file.Services[0].Servers, func(server decide.Server) bool { return server.Address.Addr() == m.Server.Addr() })
		if i >= 0 {
			s[0].Spec = file.Services[0].Checks[i][0].Spec
		}
	}
	var a allowance
	a.set(file.Services)
	shared, own := keys(file, 0), keys(file, 1)
	if !a.allow(start, shared[0]) {
		t.Error("the first is refused")
	}
	if a.allow(start, shared[1]) {
		t.Error("the small service lost both its servers")
	}
	if !a.allow(start, own[2]) {
		t.Error("the large service has room for a second")
	}
	if a.allow(start, own[3]) {
		t.Error("the large service lost more than a quarter")
	}
}

// What a slow check has spent is not forgotten by a quick one.
func TestAllowanceOfChecksWithOtherIntervals(t *testing.T) {
	file := watched(t, "web: 1 1 1 1 1 1 1 1")
	for i := 4; i < 8; i++ {
		file.Services[0].Checks[i][0].Spec.Timing.Interval = 10 * time.Millisecond
	}
	var a allowance
	a.set(file.Services)
	all := keys(file, 0)
	if !a.allow(start, all[0]) || !a.allow(start, all[1]) {
		t.Error("a quarter is refused")
	}
	if a.allow(start.Add(40*time.Millisecond), all[4]) || a.allow(start.Add(50*time.Millisecond), all[2]) {
		t.Error("what the slow checks spent is forgotten")
	}
	if !a.allow(start.Add(time.Second), all[5]) {
		t.Error("an interval later there is no room")
	}
}

// What was spent before a reload counts after it; an unknown check is never allowed.
func TestAllowanceOverAReload(t *testing.T) {
	file := watched(t, "web: 1 1 1")
	var a allowance
	a.set(file.Services)
	a.allow(start, keys(file, 0)[0])
	a.set(watched(t, "web: 1 1 1 1").Services)
	if a.allow(start, keys(file, 0)[1]) {
		t.Error("a reload gave a new allowance")
	}
	if a.allow(start, checker.Key{1}) {
		t.Error("an unknown check is allowed")
	}
}
