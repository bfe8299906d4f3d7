package house

import (
	"strings"
	"testing"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/control"
)

// The samples of docs/operation.md are what the commands print.
func TestSamplesAreWhatCommandsPrint(t *testing.T) {
	operation := strings.Join(onePage(t, "docs/operation.md").lines, "\n")
	for name, sample := range samples() {
		if !strings.Contains(operation, "```text\n"+sample+"```\n") {
			t.Errorf("docs/operation.md does not show what %s prints, as a block of text:\n%s", name, sample)
		}
	}
}

func samples() map[string]string {
	now := time.Date(2026, 3, 14, 22, 14, 3, 0, time.UTC)
	const stuck = "down: bastion: monitor says down: stuck: worker-1 no progress for 5.2 s"
	server := func(address, state, why string, weight, active, inactive int) control.Server {
		return control.Server{
			Address: address, State: state, Why: why, InTable: weight >= 0,
			Weight:      control.Weight{Configured: 100, Effective: max(weight, 0)},
			Connections: control.Connections{Active: uint32(active), Inactive: uint32(inactive)},
		}
	}
	failed := server("192.0.2.24:2222", "down", stuck, -1, 0, 0)
	failed.Checks = []control.Check{{
		Name: "bastion", Kind: "monitor", Streak: 14, LatencyMS: 0.41, At: now,
		Error: "monitor says down: stuck: worker-1 no progress for 18.3 s",
	}}
	return map[string]string{
		"status": control.Status{
			Director: control.DirectorStatus{
				Name: "lb-a", Version: "0.1.0", Ready: true,
				ConfigFile: "/etc/mainstay/mainstay.yaml", ConfigLoadedAt: now.Add(-time.Hour),
				Warnings: []string{"sysctl net.ipv4.vs.expire_nodest_conn is 0: " +
					"open connections to a server that left the table hang until they time out (want 1)"},
			},
			VirtualServices: []control.Service{{
				Name: "bastion", Address: "192.0.2.100:2222/tcp", Scheduler: "wlc",
				Quorum: control.Quorum{Met: true, Weight: 180, Needed: 1},
				RealServers: []control.Server{
					server("192.0.2.21:2222", "up", "up: bastion ok; weight 80 of 100: bastion asks for 80 %", 80, 41, 3),
					server("192.0.2.22:2222", "up", "up: bastion ok", 100, 57, 9),
					server("192.0.2.23:2222", "drain", "drain: by the operator since 22:10:41, 3 connections left", 0, 3, 12),
					failed,
				},
			}},
		}.Text(),
		"explain": control.Explanation{
			Service: "bastion", Server: failed,
			Changes: []control.Change{
				{At: now.Add(-time.Hour), To: "starting, not in the table", Cause: "starting: no verdict of bastion yet"},
				{At: now.Add(-time.Hour), From: "starting, not in the table", To: "up, weight 100", Cause: "up: bastion ok"},
				{At: now.Add(-13 * time.Second), From: "up, weight 100", To: "down, not in the table", Cause: stuck},
			},
		}.Text(),
		"plan": control.Plan{
			Changes: []string{
				"ipvsadm -a -t 192.0.2.100:2222 -r 192.0.2.25:2222 -g -w 100",
				"ipvsadm -e -t 192.0.2.100:2222 -r 192.0.2.22:2222 -g -w 50",
			},
			Foreign: []string{"203.0.113.1:80/tcp (rr, 2 real servers)"},
			Notes:   []string{"3 checks have no result yet: they are assumed to pass"},
		}.Text(),
		"probe": control.ProbesText([]control.Probe{{
			Server: "192.0.2.21:2222", Check: "bastion", Kind: "monitor", Target: "192.0.2.21:9651",
			OK: true, Judged: "success", Latency: 412 * time.Microsecond,
			Sent: []byte("MONITOR/1 poll target=192.0.2.21:2222 service=bastion\n"),
			Read: []byte("MONITOR/1 up service=bastion instance=0000019aa5d2c1f0 seq=7 conns=41 served=9000 failed=2\n"),
		}}),
	}
}
