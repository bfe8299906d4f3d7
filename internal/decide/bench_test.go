package decide

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

// large is a file of 2,277 services with 16 servers each, all up but one a service.
func large() ([]Service, Inputs) {
	var services []Service
	in := Inputs{Services: map[ipvs.Key]ServiceInputs{}}
	for i := range 2277 {
		service := Service{
			Name:         fmt.Sprintf("service-%d", i),
			Head:         ipvs.Service{Key: ipvs.AddressKey(ipvs.TCP, netip.AddrPortFrom(host(0xc6120000, i), 80)), Scheduler: "wlc"},
			Quorum:       1,
			DrainTimeout: time.Minute,
		}
		servers := map[netip.AddrPort]ServerInputs{}
		for j := range 16 {
			a := netip.AddrPortFrom(host(0xc6130000, i*16+j), 80)
			service.Servers = append(service.Servers, Server{
				Server: ipvs.Server{Address: a, Forward: ipvs.DR, Weight: 100}, Checks: []string{"bastion"},
			})
			c := Check{Name: "bastion", Verdict: Up, Percent: 80}
			if j == 0 {
				c = Check{Name: "bastion", Verdict: Down, Reason: "connection refused", Streak: 3}
			}
			servers[a] = ServerInputs{Checks: []Check{c}}
		}
		services = append(services, service)
		in.Services[service.Head.Key] = ServiceInputs{Settled: true, Servers: servers}
	}
	return services, in
}

func host(base uint32, n int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], base+uint32(n))
	return netip.AddrFrom4(b)
}

func BenchmarkDecide36432Servers(b *testing.B) {
	services, in := large()
	now := time.Date(2026, 3, 1, 22, 14, 0, 0, time.UTC)
	in.Memory = Decide(now, services, in).Memory
	b.ReportAllocs()
	for b.Loop() {
		Decide(now, services, in)
	}
}

func BenchmarkDecideService16Servers(b *testing.B) {
	services, in := large()
	service := services[0]
	inputs := in.Services[service.Head.Key]
	now := time.Date(2026, 3, 1, 22, 14, 0, 0, time.UTC)
	memory := DecideService(now, service, inputs, ServiceMemory{}).Memory
	b.ReportAllocs()
	for b.Loop() {
		DecideService(now, service, inputs, memory)
	}
}
