package kernel

import (
	"encoding/binary"
	"net/netip"
	"time"

	moby "github.com/moby/ipvs"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

// appendChange adds the request that makes one change to a buffer of requests.
func appendChange(buf []byte, family uint16, c ipvs.Change, seq uint32) []byte {
	m := begin(buf, family, commands[c.Op], 0, seq)
	switch c.Op {
	case ipvs.AddService, ipvs.EditService:
		m.service(c.Service)
	default:
		m.key(c.Service.Key)
	}
	switch c.Op {
	case ipvs.AddServer, ipvs.EditServer:
		m.server(c.Server)
	case ipvs.DeleteServer:
		m.nest(attrDest, func() { m.serverKey(c.Server.Address) })
	}
	return m.end()
}

// commands are the kernel's commands for each operation.
var commands = [...]command{
	ipvs.AddService:    cmdNewService,
	ipvs.EditService:   cmdSetService,
	ipvs.DeleteService: cmdDelService,
	ipvs.AddServer:     cmdNewDest,
	ipvs.EditServer:    cmdSetDest,
	ipvs.DeleteServer:  cmdDelDest,
}

// key adds what names a virtual service.
func (m *message) key(k ipvs.Key) { m.nest(attrService, func() { m.keyFields(k) }) }

func (m *message) keyFields(k ipvs.Key) {
	m.uint16(svcFamily, uint16(k.Family))
	if k.Mark != 0 {
		m.uint32(svcMark, k.Mark)
		return
	}
	m.uint16(svcProtocol, uint16(k.Protocol))
	m.address(svcAddress, k.Address.Addr())
	m.port(svcPort, k.Address.Port())
}

// service adds a virtual service whole.
func (m *message) service(s ipvs.Service) {
	m.nest(attrService, func() {
		m.keyFields(s.Key)
		m.text(svcSched, s.Scheduler)
		if s.Engine != "" {
			m.text(svcEngine, s.Engine)
		}
		var flags [8]byte // struct ip_vs_flags: the flags, and which of them are meant
		native.PutUint32(flags[:], serviceFlags(s))
		native.PutUint32(flags[4:], ^uint32(0))
		m.bytes(svcFlags, flags[:])
		m.uint32(svcTimeout, uint32(s.Persistence.Timeout/time.Second))
		m.uint32(svcNetmask, netmask(s.Family, s.Persistence.Prefix))
	})
}

func serviceFlags(s ipvs.Service) uint32 {
	flags := uint32(s.SchedulerFlags) * flagSched1
	if s.Persistence.Timeout != 0 {
		flags |= flagPersistent
	}
	if s.OnePacket {
		flags |= flagOnePacket
	}
	return flags
}

// netmask is a prefix length as the kernel holds it: for IPv4 the mask in network
// order, for IPv6 the length. 0 stands for all bits, the value of a service
// without persistence.
func netmask(f ipvs.Family, prefix int) uint32 {
	if f == ipvs.IPv6 {
		if prefix == 0 {
			prefix = 128
		}
		return uint32(prefix)
	}
	mask := ^uint32(0)
	if prefix != 0 {
		mask <<= 32 - prefix
	}
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], mask)
	return native.Uint32(b[:])
}

// server adds a real server whole.
func (m *message) server(s ipvs.Server) {
	m.nest(attrDest, func() {
		m.serverKey(s.Address)
		m.uint32(dstForward, forwardNumbers[s.Forward])
		m.uint32(dstWeight, uint32(s.Weight))
		m.uint32(dstUpper, s.MaxConnections)
		m.uint32(dstLower, s.ResumeConnections)
		if s.Forward == ipvs.Tunnel {
			m.uint8(dstTunType, uint8(s.Tunnel.Type))
			m.port(dstTunPort, s.Tunnel.Port)
			m.uint16(dstTunFlags, uint16(s.Tunnel.Checksum))
		}
	})
}

func (m *message) serverKey(a netip.AddrPort) {
	m.uint16(dstFamily, uint16(ipvs.FamilyOf(a.Addr())))
	m.address(dstAddress, a.Addr())
	m.port(dstPort, a.Port())
}

// address adds an address as the kernel's union nf_inet_addr, 16 bytes.
func (m *message) address(attr uint16, a netip.Addr) {
	var b [16]byte
	copy(b[:], a.Unmap().AsSlice())
	m.bytes(attr, b[:])
}

// forwardNumbers are the kernel's forwarding methods (IP_VS_CONN_F_*).
var forwardNumbers = map[ipvs.Forward]uint32{
	ipvs.NAT:    moby.ConnectionFlagMasq,
	ipvs.DR:     moby.ConnectionFlagDirectRoute,
	ipvs.Tunnel: moby.ConnectionFlagTunnel,
}
