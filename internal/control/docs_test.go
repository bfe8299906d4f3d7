package control

import (
	"os"
	"strings"
	"testing"
	"time"
)

// The samples of docs/operation.md with virtual routers are what the commands print.
func TestTheManualShowsWhatIsPrinted(t *testing.T) {
	page, err := os.ReadFile("../../docs/operation.md")
	if err != nil {
		t.Fatal(err)
	}
	for command, text := range routerSamples() {
		if !strings.Contains(string(page), "```text\n"+text+"```\n") {
			t.Errorf("docs/operation.md does not show what mainstay %s prints, as a block of text:\n%s", command, text)
		}
	}
}

func routerSamples() map[string]string {
	now := time.Date(2026, 3, 14, 22, 14, 3, 0, time.UTC)
	edge := Router{
		Name: "edge", Interface: "eth0", VRID: 51, Version: 3, State: "master", Since: now.Add(-70 * time.Minute),
		Why: "master: master down timer ran out: nobody was heard for 3.41s", Priority: 150, Effective: 150, AdvertIntervalMS: 1000,
		Addresses: []string{"192.0.2.100/32"}, Holding: true, Master: "192.0.2.11", Transitions: 2,
	}
	inner := Router{
		Name: "inner", Interface: "eth1", VRID: 52, Version: 3, State: "backup", Since: now.Add(-13 * time.Second),
		Why: "backup: 198.51.100.12 advertises priority 100, ours is 90", Priority: 150, Effective: 90, AdvertIntervalMS: 1000,
		Addresses: []string{"198.51.100.1/24", "198.51.100.4/32"}, Master: "198.51.100.12", Transitions: 3,
		Penalties: []Penalty{{For: "command /usr/local/bin/uplink-ok: exit status 1", Penalty: 60}},
		Adverts:   Adverts{Sent: 4189, Received: 14, Dropped: map[string]uint64{"wrong_ttl": 2}},
	}
	up := func(address string, active, inactive uint32) Server {
		return Server{
			Address: address, State: "up", Why: "up: bastion ok", InTable: true, Weight: Weight{100, 100},
			Connections: Connections{active, inactive},
		}
	}
	return map[string]string{
		"status": Status{
			Director: DirectorStatus{
				Name: "lb-a", Version: "0.1.0", Ready: true, ConfigFile: "/etc/mainstay/mainstay.yaml", ConfigLoadedAt: now.Add(-time.Hour),
				Mastership: &Mastership{Running: true, RealTime: true, LatenessP999MS: 0.2, LatenessWorstMS: 1.1},
			},
			VirtualRouters: []Router{edge, inner},
			VirtualServices: []Service{{
				Name: "bastion", Address: "192.0.2.100:2222/tcp", Scheduler: "wlc", Quorum: met(200, 1),
				RealServers: []Server{up("192.0.2.21:2222", 41, 3), up("192.0.2.22:2222", 57, 9)},
			}},
		}.Text(),
		"explain inner": RouterExplanation{Router: inner, Changes: []Change{
			{At: now.Add(-70 * time.Minute), From: "init", To: "backup", Cause: "started"},
			{At: now.Add(-70*time.Minute + 4*time.Second), From: "backup", To: "master", Cause: "master down timer ran out: nobody was heard for 3.41s"},
			{At: now.Add(-13 * time.Second), From: "master", To: "backup", Cause: "198.51.100.12 advertises priority 100, ours is 90"},
		}}.Text(),
		"failover edge":          FailoverResult{Router: "edge", State: "backup", Master: "192.0.2.12"}.Text(false),
		"failover edge --cancel": FailoverResult{Router: "edge", State: "backup", Master: "192.0.2.12"}.Text(true),
	}
}
