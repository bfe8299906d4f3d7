package kernel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"net/netip"
	"time"

	moby "github.com/moby/ipvs"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

// parseService reads one answer to GET_SERVICE, without its netlink header.
func parseService(msg []byte) (ipvs.Service, error) {
	var (
		s                          ipvs.Service
		family, protocol, port     uint16
		address                    []byte
		flags, timeout, mask, mark uint32
	)
	body, err := body(msg, attrService)
	if err != nil {
		return s, err
	}
	attributes(body, func(attr uint16, v []byte) {
		switch attr {
		case svcFamily:
			family = uint16(uintOf(v))
		case svcProtocol:
			protocol = uint16(uintOf(v))
		case svcAddress:
			address = v
		case svcPort:
			port = portOf(v)
		case svcMark:
			mark = uint32(uintOf(v))
		case svcSched:
			s.Scheduler = text(v)
		case svcEngine:
			s.Engine = text(v)
		case svcFlags:
			if len(v) >= 4 {
				flags = native.Uint32(v)
			}
		case svcTimeout:
			timeout = uint32(uintOf(v))
		case svcNetmask:
			mask = uint32(uintOf(v))
		}
	})
	if mark != 0 {
		s.Key = ipvs.MarkKey(mark, ipvs.Family(family))
	} else {
		a, err := addressOf(ipvs.Family(family), address)
		if err != nil {
			return s, fmt.Errorf("a virtual service of the kernel's table: %w", err)
		}
		s.Key = ipvs.AddressKey(ipvs.Protocol(protocol), netip.AddrPortFrom(a, port))
	}
	s.SchedulerFlags = ipvs.SchedulerFlags(flags / flagSched1 & 7)
	s.OnePacket = flags&flagOnePacket != 0
	if flags&flagPersistent != 0 {
		s.Persistence = ipvs.Persistence{
			Timeout: time.Duration(timeout) * time.Second,
			Prefix:  prefixOf(s.Family, mask),
		}
	}
	return s, nil
}

// parseServer reads one answer to GET_DEST, without its netlink header. The
// family of the service stands in where a kernel before 3.18 sends none.
func parseServer(msg []byte, service ipvs.Family) (ipvs.Server, ipvs.Counters, error) {
	var (
		s       ipvs.Server
		c       ipvs.Counters
		family  = service
		address []byte
		port    uint16
		forward uint32
		tunnel  ipvs.TunnelOptions
		wide    bool
	)
	body, err := body(msg, attrDest)
	if err != nil {
		return s, c, err
	}
	attributes(body, func(attr uint16, v []byte) {
		switch attr {
		case dstFamily:
			family = ipvs.Family(uintOf(v))
		case dstAddress:
			address = v
		case dstPort:
			port = portOf(v)
		case dstForward:
			forward = uint32(uintOf(v))
		case dstWeight:
			s.Weight = int(int32(uintOf(v)))
		case dstUpper:
			s.MaxConnections = uint32(uintOf(v))
		case dstLower:
			s.ResumeConnections = uint32(uintOf(v))
		case dstActive:
			c.Active = uint32(uintOf(v))
		case dstInactive:
			c.Inactive = uint32(uintOf(v))
		case dstPersistent:
			c.Persistent = uint32(uintOf(v))
		case dstStats:
			if !wide { // kernels before 4.1 have only these, of 32 bits
				parseStats(v, &c)
			}
		case dstStats64:
			wide = true
			parseStats(v, &c)
		case dstTunType:
			tunnel.Type = ipvs.TunnelType(uintOf(v))
		case dstTunPort:
			tunnel.Port = portOf(v)
		case dstTunFlags:
			tunnel.Checksum = ipvs.TunnelChecksum(uintOf(v))
		}
	})
	a, err := addressOf(family, address)
	if err != nil {
		return s, c, fmt.Errorf("a real server of the kernel's table: %w", err)
	}
	s.Address = netip.AddrPortFrom(a, port)
	s.Forward = forwardOf(forward)
	if s.Forward == ipvs.Tunnel {
		s.Tunnel = tunnel
	}
	return s, c, nil
}

func parseStats(b []byte, c *ipvs.Counters) {
	attributes(b, func(attr uint16, v []byte) {
		switch attr {
		case statConns:
			c.Connections = uintOf(v)
		case statPktsIn:
			c.PacketsIn = uintOf(v)
		case statPktsOut:
			c.PacketsOut = uintOf(v)
		case statBytesIn:
			c.BytesIn = uintOf(v)
		case statBytesOut:
			c.BytesOut = uintOf(v)
		}
	})
}

// forwardOf reads a forwarding method. Local node and bypass, which the kernel
// may show for servers that are its own addresses, count as direct routing: that
// is how they were added.
func forwardOf(n uint32) ipvs.Forward {
	switch n & moby.ConnectionFlagFwdMask {
	case moby.ConnectionFlagMasq:
		return ipvs.NAT
	case moby.ConnectionFlagTunnel:
		return ipvs.Tunnel
	default:
		return ipvs.DR
	}
}

// body finds the nested attribute that an answer consists of.
func body(msg []byte, want uint16) ([]byte, error) {
	var found []byte
	if len(msg) >= 4 {
		attributes(msg[4:], func(attr uint16, v []byte) {
			if attr == want {
				found = v
			}
		})
	}
	if found == nil {
		return nil, fmt.Errorf("the kernel's answer of %d bytes holds no attribute %d", len(msg), want)
	}
	return found, nil
}

func addressOf(f ipvs.Family, b []byte) (netip.Addr, error) {
	switch {
	case f == ipvs.IPv4 && len(b) >= 4:
		return netip.AddrFrom4([4]byte(b[:4])), nil
	case f == ipvs.IPv6 && len(b) >= 16:
		return netip.AddrFrom16([16]byte(b[:16])), nil
	default:
		return netip.Addr{}, fmt.Errorf("address of %d bytes in family %d", len(b), f)
	}
}

func prefixOf(f ipvs.Family, mask uint32) int {
	if f == ipvs.IPv6 {
		return int(mask)
	}
	var b [4]byte
	native.PutUint32(b[:], mask)
	return bits.LeadingZeros32(^binary.BigEndian.Uint32(b[:]))
}

// text reads a string up to its zero byte.
func text(v []byte) string {
	b, _, _ := bytes.Cut(v, []byte{0})
	return string(b)
}
