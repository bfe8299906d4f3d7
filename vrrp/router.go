package vrrp

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Version is a version of the protocol.
type Version uint8

// The versions.
const (
	V2 Version = 2 // RFC 3768, IPv4 only
	V3 Version = 3 // RFC 5798 and RFC 9568
)

// OwnerPriority is the priority of the router that owns the addresses: it is master
// whenever it is there.
const OwnerPriority = 255

// RetireIntervals is how many advert intervals a retiring router waits for another to take
// over. A peer waits three of them and its skew time, less than one, at most.
const RetireIntervals = 4

// Checksum says what the checksum of version 3 over IPv4 covers. The two
// specifications of version 3 differ about it.
type Checksum uint8

// The checksums.
const (
	ChecksumAuto    Checksum = iota // as RFC 5798, unless the peer is heard to send as RFC 9568
	ChecksumRFC5798                 // with a pseudo-header
	ChecksumRFC9568                 // without
)

// String returns the configuration file's word.
func (c Checksum) String() string { return [...]string{"auto", "rfc5798", "rfc9568"}[c] }

// Unicast has advertisements sent to each peer instead of to the multicast group.
type Unicast struct {
	Source netip.Addr   `json:"source"`
	Peers  []netip.Addr `json:"peers"`
}

// Router is how one virtual router is set up on one host.
type Router struct {
	Name      string  `json:"name"`
	Interface string  `json:"interface"`
	VRID      uint8   `json:"vrid"` // 1..255
	Version   Version `json:"version"`
	Priority  uint8   `json:"priority"` // 1..255
	// AdvertInterval is a whole number of seconds, 1 s to 255 s, in version 2, and of
	// centiseconds, 10 ms to 40.95 s, in version 3.
	AdvertInterval time.Duration `json:"advert_interval"`
	Preempt        bool          `json:"preempt"`
	PreemptDelay   time.Duration `json:"preempt_delay"`
	Unicast        *Unicast      `json:"unicast,omitempty"` // nil: multicast
	// Addresses are advertised and held by the master; all are of one family, the
	// router's. ExtraAddresses are held with them, and of either family.
	Addresses       []netip.Prefix `json:"addresses"`
	ExtraAddresses  []netip.Prefix `json:"extra_addresses,omitempty"`
	SyncGroup       string         `json:"sync_group,omitempty"` // routers of one group move together
	Checksum        Checksum       `json:"checksum"`
	AuthPass        string         `json:"auth_pass,omitempty"`        // version 2: 1..8 bytes; empty: no authentication
	TrackInterfaces []string       `json:"track_interfaces,omitempty"` // one that is down is a fault
}

// IPv6 reports whether the router's family is IPv6.
func (r Router) IPv6() bool { return len(r.Addresses) > 0 && r.Addresses[0].Addr().Is6() }

// Held are all addresses that the master holds: those that are advertised first.
func (r Router) Held() []netip.Prefix { return slices.Concat(r.Addresses, r.ExtraAddresses) }

// Equal reports whether two routers are set up alike.
func (r Router) Equal(o Router) bool {
	return fmt.Sprintf("%+v %+v", r.withoutUnicast(), r.Unicast.orZero()) == fmt.Sprintf("%+v %+v", o.withoutUnicast(), o.Unicast.orZero()) &&
		(r.Unicast == nil) == (o.Unicast == nil)
}

func (r Router) withoutUnicast() Router { r.Unicast = nil; return r }

func (u *Unicast) orZero() Unicast {
	if u == nil {
		return Unicast{}
	}
	return *u
}
