package house

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/decide"
	"github.com/mainstay-lvs/mainstay/ipvs"
)

// The examples of docs/health.md are worked out by what works out the table.

func TestHealthWeights(t *testing.T) {
	for _, row := range table(t, "docs/health.md", "configured", "percent", "weight") {
		d := decision(&decide.ServiceMemory{}, 1, 0, number(t, row[0]), number(t, row[1]), 1)
		if got := d.Report.Servers[0].Effective; got != number(t, row[2]) {
			t.Errorf("weight %s at %s %%: %d, and the page says %s", row[0], row[1], got, row[2])
		}
	}
}

func TestHealthQuorum(t *testing.T) {
	memory := &decide.ServiceMemory{}
	for _, row := range table(t, "docs/health.md", "up", "sum", "quorum") {
		up := number(t, strings.Fields(row[0])[0])
		q := decision(memory, 200, 50, 100, 100, up).Report.Quorum
		if q.Weight != number(t, row[1]) || q.Met != strings.HasPrefix(row[2], "met") {
			t.Errorf("%s up: sum %d, met %t; the page says %s, %s", row[0], q.Weight, q.Met, row[1], row[2])
		}
	}
}

// decision decides about a service of four servers, of which some are up, and keeps the
// memory for the next.
func decision(memory *decide.ServiceMemory, quorum, hysteresis, weight, percent, up int) decide.ServiceDecision {
	service := decide.Service{
		Name:   "web",
		Head:   ipvs.Service{Key: ipvs.AddressKey(ipvs.TCP, netip.MustParseAddrPort("192.0.2.100:80")), Scheduler: "wlc"},
		Quorum: quorum, Hysteresis: hysteresis,
	}
	in := decide.ServiceInputs{Settled: true, Servers: make(map[netip.AddrPort]decide.ServerInputs)}
	for i := range 4 {
		address := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(21 + i)}), 80)
		check := decide.Check{Name: "tcp", Verdict: decide.Down}
		if i < up {
			check.Verdict, check.Percent = decide.Up, percent
		}
		service.Servers = append(service.Servers, decide.Server{
			Server: ipvs.Server{Address: address, Forward: ipvs.NAT, Weight: weight}, Checks: []string{"tcp"},
		})
		in.Servers[address] = decide.ServerInputs{Checks: []decide.Check{check}}
	}
	d := decide.DecideService(time.Unix(0, 0), service, in, *memory)
	*memory = d.Memory
	return d
}

// table returns the rows of a page's table with that head.
func table(t *testing.T, name string, head ...string) [][]string {
	t.Helper()
	var rows [][]string
	inside := false
	_, prose := onePage(t, name).split()
	for _, line := range prose {
		row := cells(line)
		switch {
		case row == nil:
			inside = false
		case strings.Join(row, "|") == strings.Join(head, "|"):
			inside = true
		case inside && !strings.HasPrefix(row[0], "--"):
			rows = append(rows, row)
		}
	}
	if len(rows) < 3 {
		t.Fatalf("%s has no table %v", name, head)
	}
	return rows
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
