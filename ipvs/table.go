package ipvs

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Key tells one virtual service from another: an address, port and protocol, or
// a firewall mark and an address family. It is comparable. Make one with
// [AddressKey] or [MarkKey], so that equal services have equal keys.
type Key struct {
	Family   Family
	Protocol Protocol       // zero for a firewall mark
	Address  netip.AddrPort // not valid for a firewall mark
	Mark     uint32         // zero for an address
}

// AddressKey is the key of the virtual service at an address, port and protocol.
// Port 0 stands for all ports.
func AddressKey(protocol Protocol, address netip.AddrPort) Key {
	address = netip.AddrPortFrom(address.Addr().Unmap().WithZone(""), address.Port())
	return Key{Family: FamilyOf(address.Addr()), Protocol: protocol, Address: address}
}

// MarkKey is the key of the virtual service of a firewall mark, 1 to 2^32-1.
func MarkKey(mark uint32, family Family) Key { return Key{Family: family, Mark: mark} }

// FamilyOf returns the family of an address.
func FamilyOf(a netip.Addr) Family {
	if a.Unmap().Is4() {
		return IPv4
	}
	return IPv6
}

// String returns the key as the configuration file writes it, for example
// "192.0.2.100:80/tcp" or "fwmark 7 ipv4".
func (k Key) String() string {
	if k.Mark != 0 {
		return fmt.Sprintf("fwmark %d %s", k.Mark, k.Family)
	}
	return k.Address.String() + "/" + k.Protocol.String()
}

// ParseKey reads a key in the form of [Key.String].
func ParseKey(s string) (Key, error) {
	if rest, marked := strings.CutPrefix(s, "fwmark "); marked {
		number, word, _ := strings.Cut(rest, " ")
		mark, err := strconv.ParseUint(number, 10, 32)
		if err != nil || mark == 0 {
			return Key{}, fmt.Errorf("%q is not a firewall mark (want 1 to 4294967295)", number)
		}
		family, err := ParseFamily(word)
		return MarkKey(uint32(mark), family), err
	}
	at := strings.LastIndexByte(s, '/')
	if at < 0 {
		return Key{}, fmt.Errorf("%q is not a virtual service (want address:port/protocol)", s)
	}
	address, err := netip.ParseAddrPort(s[:at])
	if err != nil {
		return Key{}, fmt.Errorf("%q is not an address and port", s[:at])
	}
	protocol, err := ParseProtocol(s[at+1:])
	return AddressKey(protocol, address), err
}

// MarshalText returns the form of [Key.String].
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads the form of [Key.String].
func (k *Key) UnmarshalText(text []byte) error {
	key, err := ParseKey(string(text))
	if err == nil {
		*k = key
	}
	return err
}

// Compare orders keys: addresses before firewall marks, then by family,
// protocol, address and port.
func (k Key) Compare(other Key) int {
	return cmp.Or(
		cmp.Compare(k.Mark, other.Mark),
		cmp.Compare(k.Family, other.Family),
		cmp.Compare(k.Protocol, other.Protocol),
		k.Address.Compare(other.Address),
	)
}

// Persistence sends a client to the same real server for a while. The zero value
// is no persistence.
type Persistence struct {
	// Timeout is how long a client is remembered after its last connection
	// closed, in whole seconds, 1 s to 2^32-1 s. Zero: no persistence.
	Timeout time.Duration
	// Prefix is the length of the part of the client's address that counts:
	// 1..32 for IPv4, 1..128 for IPv6.
	Prefix int
}

// Service is a virtual service: what clients connect to, and the real servers
// behind it.
type Service struct {
	Key
	Scheduler      string // the kernel's name, one of [Schedulers]
	SchedulerFlags SchedulerFlags
	OnePacket      bool // each UDP datagram is scheduled by itself
	Persistence    Persistence
	// Engine is the kernel's persistence engine, "" or "sip". Mainstay never
	// sets one; it is read so that one set by hand is seen.
	Engine  string
	Servers []Server // in the order of their addresses; see [Table.Sort]
}

// Head returns the service without its real servers.
func (s Service) Head() Service {
	s.Servers = nil
	return s
}

// SameHead reports whether two services are equal but for their real servers.
func (s Service) SameHead(other Service) bool {
	return s.Key == other.Key && s.Scheduler == other.Scheduler &&
		s.SchedulerFlags == other.SchedulerFlags && s.OnePacket == other.OnePacket &&
		s.Persistence == other.Persistence && s.Engine == other.Engine
}

// Server finds a real server by its address.
func (s Service) Server(address netip.AddrPort) (Server, bool) {
	for _, server := range s.Servers {
		if server.Address == address {
			return server, true
		}
	}
	return Server{}, false
}

// Server is a real server as the kernel's table holds it. It is comparable; its
// address tells it from the others of its service.
type Server struct {
	Address netip.AddrPort
	Forward Forward
	Tunnel  TunnelOptions // zero unless Forward is Tunnel
	// Weight is its share of new connections, 0..65535; 0: no new connections.
	// The kernel holds larger ones when another program set them.
	Weight int
	// MaxConnections is the kernel's upper threshold: at so many connections the
	// server gets no new ones. 0: no limit.
	MaxConnections uint32
	// ResumeConnections is the kernel's lower threshold: under it, a server that
	// had reached MaxConnections gets new ones again. 0: three quarters of
	// MaxConnections, the kernel's rule.
	ResumeConnections uint32
}

// TunnelOptions say how packets to a tunnelled real server are wrapped.
type TunnelOptions struct {
	Type     TunnelType
	Port     uint16 // the UDP port of GUE; zero for the other types
	Checksum TunnelChecksum
}

// Table is a set of virtual services.
type Table struct {
	Services []Service
}

// Sort puts services and servers in the order of their keys and addresses, in
// place, and returns the table.
func (t Table) Sort() Table {
	slices.SortFunc(t.Services, func(a, b Service) int { return a.Compare(b.Key) })
	for _, s := range t.Services {
		slices.SortFunc(s.Servers, func(a, b Server) int { return a.Address.Compare(b.Address) })
	}
	return t
}

// Service finds a virtual service by its key.
func (t Table) Service(key Key) (Service, bool) {
	for _, s := range t.Services {
		if s.Key == key {
			return s, true
		}
	}
	return Service{}, false
}

// Filter returns the services whose key the function accepts.
func (t Table) Filter(accept func(Key) bool) Table {
	var out Table
	for _, s := range t.Services {
		if accept(s.Key) {
			out.Services = append(out.Services, s)
		}
	}
	return out
}

// Counters are what the kernel counts of a real server.
type Counters struct {
	Active     uint32 // established connections
	Inactive   uint32 // all other entries of the connection table
	Persistent uint32 // persistence templates: clients bound to this server

	Connections uint64 // connections scheduled since the server was added
	PacketsIn   uint64
	PacketsOut  uint64
	BytesIn     uint64
	BytesOut    uint64
}

// ServerKey names a real server of a virtual service.
type ServerKey struct {
	Service Key
	Address netip.AddrPort
}

// String returns the two parts as one phrase for messages.
func (k ServerKey) String() string { return k.Address.String() + " of " + k.Service.String() }
