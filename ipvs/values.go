package ipvs

import (
	"fmt"
	"strings"
)

// Family is an address family, with the kernel's own number (AF_INET, AF_INET6).
type Family uint16

// The two address families that IPVS balances.
const (
	IPv4 Family = 2
	IPv6 Family = 10
)

// String returns "ipv4" or "ipv6".
func (f Family) String() string { return name(families, f) }

// ParseFamily reads "ipv4" or "ipv6".
func ParseFamily(s string) (Family, error) { return parse(families, "address family", s) }

// Protocol is a transport protocol, with its IP protocol number.
type Protocol uint16

// The protocols that IPVS balances.
const (
	TCP  Protocol = 6
	UDP  Protocol = 17
	SCTP Protocol = 132
)

// String returns "tcp", "udp" or "sctp".
func (p Protocol) String() string { return name(protocols, p) }

// ParseProtocol reads "tcp", "udp" or "sctp".
func ParseProtocol(s string) (Protocol, error) { return parse(protocols, "protocol", s) }

// Forward is a forwarding method: how a packet travels from the director to a
// real server. The zero value is no method at all, since none is a safe default.
type Forward uint8

// The forwarding methods (include/uapi/linux/ip_vs.h, IP_VS_CONN_F_*).
const (
	NAT    Forward = iota + 1 // the director rewrites the address; ipvsadm -m
	DR                        // direct routing: only the MAC address changes; ipvsadm -g
	Tunnel                    // the packet is wrapped in another; ipvsadm -i
)

// String returns "nat", "dr" or "tunnel".
func (f Forward) String() string { return name(forwards, f) }

// ParseForward reads "nat", "dr" or "tunnel".
func ParseForward(s string) (Forward, error) { return parse(forwards, "forwarding method", s) }

// TunnelType is the encapsulation that the forwarding method [Tunnel] uses.
type TunnelType uint8

// The encapsulations, with the kernel's own numbers
// (include/uapi/linux/ip_vs.h, IP_VS_CONN_F_TUNNEL_TYPE_*).
const (
	IPIP TunnelType = iota
	GUE
	GRE
)

// String returns "ipip", "gue" or "gre".
func (t TunnelType) String() string { return name(tunnelTypes, t) }

// ParseTunnelType reads "ipip", "gue" or "gre".
func ParseTunnelType(s string) (TunnelType, error) { return parse(tunnelTypes, "tunnel type", s) }

// TunnelChecksum says which checksum the outer header of a GUE or GRE packet carries.
type TunnelChecksum uint8

// The outer checksums, with the kernel's own numbers
// (include/uapi/linux/ip_vs.h, IP_VS_TUNNEL_ENCAP_FLAG_*).
const (
	ChecksumNone     TunnelChecksum = iota
	ChecksumStandard                // computed over the whole packet
	ChecksumRemote                  // remote checksum offload; GUE only
)

// String returns "none", "standard" or "remote".
func (c TunnelChecksum) String() string { return name(tunnelChecksums, c) }

// ParseTunnelChecksum reads "none", "standard" or "remote".
func ParseTunnelChecksum(s string) (TunnelChecksum, error) {
	return parse(tunnelChecksums, "tunnel checksum", s)
}

// SchedulerFlags are the three flags that the kernel hands to a scheduler; sh
// and mh give the first two a meaning.
type SchedulerFlags uint8

// The scheduler flags, by number and by the meaning sh and mh give them.
const (
	Flag1 SchedulerFlags = 1 << iota
	Flag2
	Flag3

	SHFallback = Flag1 // another server when the hashed one has weight 0
	SHPort     = Flag2 // the source port is hashed too
	MHFallback = Flag1
	MHPort     = Flag2
)

// Schedulers are the kernel's schedulers by name, in the order of ipvsadm's manual.
var Schedulers = []string{
	"rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "mh", "sed", "nq", "fo", "ovf", "twos",
}

// DefaultScheduler is the scheduler of a service that names none, as in ipvsadm.
const DefaultScheduler = "wlc"

// named is one value and the word that stands for it everywhere.
type named[T ~uint8 | ~uint16] struct {
	value T
	word  string
}

var (
	families        = []named[Family]{{IPv4, "ipv4"}, {IPv6, "ipv6"}}
	protocols       = []named[Protocol]{{TCP, "tcp"}, {UDP, "udp"}, {SCTP, "sctp"}}
	forwards        = []named[Forward]{{NAT, "nat"}, {DR, "dr"}, {Tunnel, "tunnel"}}
	tunnelTypes     = []named[TunnelType]{{IPIP, "ipip"}, {GUE, "gue"}, {GRE, "gre"}}
	tunnelChecksums = []named[TunnelChecksum]{
		{ChecksumNone, "none"}, {ChecksumStandard, "standard"}, {ChecksumRemote, "remote"},
	}
)

func name[T ~uint8 | ~uint16](table []named[T], v T) string {
	for _, n := range table {
		if n.value == v {
			return n.word
		}
	}
	return fmt.Sprintf("unknown(%d)", v)
}

func parse[T ~uint8 | ~uint16](table []named[T], what, s string) (T, error) {
	words := make([]string, 0, len(table))
	for _, n := range table {
		if n.word == s {
			return n.value, nil
		}
		words = append(words, n.word)
	}
	var zero T
	return zero, fmt.Errorf("%q is not a %s (want %s)", s, what, strings.Join(words, ", "))
}
