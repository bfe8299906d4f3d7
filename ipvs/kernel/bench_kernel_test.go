//go:build kernel

package kernel_test

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

// large is a table of 2,277 services with 16 real servers each.
func large() ipvs.Table {
	var t ipvs.Table
	for i := range 2277 {
		address := netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)})
		s := ipvs.Service{Key: ipvs.AddressKey(ipvs.TCP, netip.AddrPortFrom(address, 80)), Scheduler: "wlc"}
		for n := range 16 {
			server := netip.AddrFrom4([4]byte{198, 19, byte(i), byte(n + 1)})
			s.Servers = append(s.Servers, ipvs.Server{Address: netip.AddrPortFrom(server, 80), Forward: ipvs.NAT, Weight: 1})
		}
		t.Services = append(t.Services, s)
	}
	return t.Sort()
}

// BenchmarkLargeTable takes the test kernel from an empty table to a large one and
// back, and reads it; ipvsadm, which sends one request a change, is the peer.
func BenchmarkLargeTable(b *testing.B) {
	c := open(b)
	table := large()
	fill := ipvs.Plan(ipvs.Table{}, table)
	empty := ipvs.Plan(table, ipvs.Table{})
	apply := func(b *testing.B, changes []ipvs.Change) {
		b.Helper()
		failures, err := c.Apply(changes)
		if err != nil || len(failures) > 0 {
			b.Fatal(failures, err)
		}
	}
	b.Run("fill", func(b *testing.B) {
		for b.Loop() {
			apply(b, fill)
			b.StopTimer()
			apply(b, empty)
			b.StartTimer()
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(fill)), "µs/change")
	})
	b.Run("fill by ipvsadm -R", func(b *testing.B) {
		for b.Loop() {
			cmd := exec.Command("ipvsadm", "-R")
			cmd.Stdin = strings.NewReader(table.String())
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Fatal(err, string(out))
			}
			b.StopTimer()
			apply(b, empty)
			b.StartTimer()
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(fill)), "µs/change")
	})
	apply(b, fill)
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			if got := read(b, c); len(got.Services) != len(table.Services) {
				b.Fatal(len(got.Services))
			}
		}
	})
	b.Run("read one service", func(b *testing.B) {
		for b.Loop() {
			if _, err := c.ReadServices([]ipvs.Key{table.Services[1000].Key}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("plan", func(b *testing.B) {
		for b.Loop() {
			if changes := ipvs.Plan(table, table); len(changes) != 0 {
				b.Fatal(len(changes))
			}
		}
	})
	apply(b, empty)
}
