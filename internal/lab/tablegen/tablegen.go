// Package tablegen draws random IPVS tables for property tests. The tables hold
// whatever a kernel takes: each protocol, family, forwarding method and tunnel
// type, firewall marks, persistence, one-packet scheduling and thresholds. Keys
// and addresses come from small pools, so that two tables have much in common.
package tablegen

import (
	"fmt"
	"net/netip"
	"time"

	"pgregory.net/rapid"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

// Table draws a sorted table of up to eight services, whose schedulers are among
// those given.
func Table(schedulers []string) *rapid.Generator[ipvs.Table] {
	return rapid.Custom(func(t *rapid.T) ipvs.Table {
		keys := rapid.SliceOfNDistinct(key(), 0, 8, rapid.ID).Draw(t, "keys")
		var table ipvs.Table
		for _, k := range keys {
			table.Services = append(table.Services, service(t, k, schedulers))
		}
		return table.Sort()
	})
}

func key() *rapid.Generator[ipvs.Key] {
	return rapid.Custom(func(t *rapid.T) ipvs.Key {
		family := rapid.SampledFrom([]ipvs.Family{ipvs.IPv4, ipvs.IPv6}).Draw(t, "family")
		if rapid.IntRange(0, 3).Draw(t, "marked") == 0 {
			// ipvsadm prints marks from 2^31 on as negative numbers.
			return ipvs.MarkKey(rapid.SampledFrom([]uint32{1, 7, 1<<31 - 1}).Draw(t, "mark"), family)
		}
		protocol := rapid.SampledFrom([]ipvs.Protocol{ipvs.TCP, ipvs.UDP, ipvs.SCTP}).Draw(t, "protocol")
		port := rapid.SampledFrom([]uint16{0, 80, 443}).Draw(t, "port")
		return ipvs.AddressKey(protocol, netip.AddrPortFrom(address(family, 100), port))
	})
}

// address is host number n of a documentation network (RFC 5737, RFC 3849).
func address(f ipvs.Family, n int) netip.Addr {
	if f == ipvs.IPv4 {
		return netip.MustParseAddr(fmt.Sprintf("192.0.2.%d", n))
	}
	return netip.MustParseAddr(fmt.Sprintf("2001:db8::%d", n))
}

func service(t *rapid.T, k ipvs.Key, schedulers []string) ipvs.Service {
	s := ipvs.Service{
		Key:            k,
		Scheduler:      rapid.SampledFrom(schedulers).Draw(t, "scheduler"),
		SchedulerFlags: ipvs.SchedulerFlags(rapid.IntRange(0, 7).Draw(t, "flags")),
		OnePacket:      k.Protocol == ipvs.UDP && rapid.Bool().Draw(t, "one packet"),
	}
	if s.Scheduler == "sh" || s.Scheduler == "mh" {
		s.SchedulerFlags &^= ipvs.Flag3 // ipvsadm does not print it beside the two that they name
	}
	// A service for all ports is persistent, or no port would be kept.
	if allPorts := k.Mark == 0 && k.Address.Port() == 0; allPorts || rapid.Bool().Draw(t, "persistent") {
		bits := 32
		if k.Family == ipvs.IPv6 {
			bits = 128
		}
		s.Persistence = ipvs.Persistence{
			Timeout: time.Duration(rapid.IntRange(1, 100_000).Draw(t, "timeout")) * time.Second,
			Prefix:  rapid.IntRange(1, bits).Draw(t, "prefix"),
		}
	}
	seen := make(map[netip.AddrPort]bool)
	for range rapid.IntRange(0, 6).Draw(t, "servers") {
		if server := server(t, k); !seen[server.Address] {
			seen[server.Address] = true
			s.Servers = append(s.Servers, server)
		}
	}
	return s
}

func server(t *rapid.T, k ipvs.Key) ipvs.Server {
	s := ipvs.Server{
		Forward: rapid.SampledFrom([]ipvs.Forward{ipvs.NAT, ipvs.DR, ipvs.Tunnel}).Draw(t, "forward"),
		Weight:  rapid.SampledFrom([]int{0, 1, 2, 100, 32768, 65535}).Draw(t, "weight"),
	}
	family := k.Family
	if s.Forward == ipvs.Tunnel {
		family = rapid.SampledFrom([]ipvs.Family{ipvs.IPv4, ipvs.IPv6}).Draw(t, "server family")
		s.Tunnel = tunnel(t)
	}
	// A mark's servers keep the port that the client asked for: port 0.
	var port uint16
	if k.Mark == 0 {
		port = rapid.SampledFrom([]uint16{80, 8080}).Draw(t, "port")
	}
	s.Address = netip.AddrPortFrom(address(family, rapid.IntRange(1, 6).Draw(t, "host")), port)
	if rapid.Bool().Draw(t, "limited") {
		s.MaxConnections = rapid.Uint32Range(1, 1<<32-1).Draw(t, "max")
		s.ResumeConnections = rapid.Uint32Range(0, s.MaxConnections).Draw(t, "resume")
	}
	return s
}

func tunnel(t *rapid.T) ipvs.TunnelOptions {
	o := ipvs.TunnelOptions{Type: rapid.SampledFrom([]ipvs.TunnelType{ipvs.IPIP, ipvs.GUE, ipvs.GRE}).Draw(t, "tunnel")}
	switch o.Type {
	case ipvs.GUE:
		o.Port = rapid.Uint16Range(1, 65535).Draw(t, "tunnel port")
		o.Checksum = rapid.SampledFrom([]ipvs.TunnelChecksum{ipvs.ChecksumNone, ipvs.ChecksumStandard, ipvs.ChecksumRemote}).Draw(t, "checksum")
	case ipvs.GRE:
		o.Checksum = rapid.SampledFrom([]ipvs.TunnelChecksum{ipvs.ChecksumNone, ipvs.ChecksumStandard}).Draw(t, "checksum")
	}
	return o
}
