package decide

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

// What is kept over a restart is when drains began and which checks asked for them,
// nothing else.
func TestKept(t *testing.T) {
	since := time.Date(2026, 3, 1, 22, 14, 5, 0, time.UTC)
	a, b := netip.MustParseAddrPort("192.0.2.21:80"), netip.MustParseAddrPort("192.0.2.22:80")
	memory := Memory{
		"192.0.2.100:80/tcp": {Seen: true, Judged: true, Met: true, FailOpen: true, Servers: []ServerMemory{
			{Address: a, Verdict: Up, Listed: true, Entry: ipvs.Server{Address: a, Weight: 1}},
			{
				Address: b, Verdict: Down, Failed: true,
				Drain: Drain{Since: since, Check: "bastion", Zero: since, Over: overEmpty},
			},
		}},
		"fwmark 7 ipv4": {Seen: true, Sorry: true},
	}
	saved, err := json.Marshal(memory.Kept())
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"192.0.2.100:80/tcp":{"servers":[{"address":"192.0.2.22:80",` +
		`"drain":{"since":"2026-03-01T22:14:05Z","check":"bastion"}}]}}`
	if diff := cmp.Diff(want, string(saved)); diff != "" {
		t.Error(diff)
	}
}

// drained is a service with one server in the kernel, and an operator's drain.
func drained(since time.Time) (netip.AddrPort, Service, ServiceInputs) {
	a := netip.MustParseAddrPort("192.0.2.21:80")
	service := Service{
		Head:         ipvs.Service{Key: ipvs.AddressKey(ipvs.TCP, netip.MustParseAddrPort("192.0.2.100:80"))},
		Quorum:       1,
		DrainTimeout: time.Minute,
		Servers:      []Server{{Server: ipvs.Server{Address: a, Weight: 1}}},
	}
	found := service.Head
	found.Servers = []ipvs.Server{{Address: a}}
	return a, service, ServiceInputs{
		Adopted: &found,
		Servers: map[netip.AddrPort]ServerInputs{a: {Override: Override{Drain: true, Since: since}}},
	}
}

// Where nothing was kept, an operator's drain began when the operator said so.
func TestDrainBeganWithTheOverride(t *testing.T) {
	now := time.Date(2026, 3, 1, 22, 14, 0, 0, time.UTC)
	_, service, in := drained(now.Add(-59 * time.Second))
	d := DecideService(now, service, in, ServiceMemory{})
	if len(d.Wanted.Servers) != 1 || !d.Next.Equal(now.Add(time.Second)) {
		t.Errorf("%d servers, next %s", len(d.Wanted.Servers), d.Next)
	}
	d = DecideService(d.Next, service, in, d.Memory)
	if len(d.Wanted.Servers) != 0 {
		t.Errorf("still draining after its timeout: %s", d.Report.Servers[0].Why)
	}
}

// A start in the future, from a clock that was set back, makes no drain longer than
// its timeout.
func TestDrainFromTheFuture(t *testing.T) {
	now := time.Date(2026, 3, 1, 22, 14, 0, 0, time.UTC)
	a, service, in := drained(now.Add(time.Hour))
	kept := ServiceMemory{Servers: []ServerMemory{{Address: a, Drain: Drain{Since: now.Add(time.Hour)}}}}
	d := DecideService(now, service, in, kept)
	if got := d.Memory.Servers[0].Drain.Since; !got.Equal(now) {
		t.Errorf("the drain began %s, want %s", got, now)
	}
	d = DecideService(now.Add(time.Minute), service, in, d.Memory)
	if len(d.Wanted.Servers) != 0 {
		t.Errorf("still draining after its timeout: %s", d.Report.Servers[0].Why)
	}
}

// A clock that is set back makes no slow start longer, and keeps no drain from
// counting connections.
func TestClockSetBack(t *testing.T) {
	now := time.Date(2026, 3, 1, 22, 14, 0, 0, time.UTC)
	a, service, in := drained(now)
	service.Servers[0].Checks = []string{"tcp"}
	service.SlowStart = 10 * time.Second

	d := DecideService(now, service, in, ServiceMemory{})
	now = now.Add(-time.Hour)
	d = DecideService(now, service, in, d.Memory)
	server := in.Servers[a]
	server.Connections = Connections{At: now.Add(time.Second)}
	in.Servers[a] = server
	d = DecideService(now.Add(time.Second), service, in, d.Memory)
	if len(d.Wanted.Servers) != 0 {
		t.Errorf("still draining: %s", d.Report.Servers[0].Why)
	}

	for _, verdict := range []Verdict{Down, Up} {
		in.Servers[a] = ServerInputs{Checks: []Check{{Name: "tcp", Verdict: verdict, Percent: 100}}}
		d = DecideService(now, service, in, d.Memory)
	}
	now = now.Add(-time.Hour)
	d = DecideService(now, service, in, d.Memory)
	if want := now.Add(time.Second); !d.Next.Equal(want) {
		t.Errorf("the ramp grows next at %s, want %s", d.Next, want)
	}
}
