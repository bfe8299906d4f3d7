package config

import (
	"net/netip"
	"time"

	"github.com/mainstay-lvs/mainstay/vrrp"
)

// RouterKeys is one virtual router.
type RouterKeys struct {
	Name           Value[string]
	Interface      Value[string]
	VRID           Value[uint8]
	Version        Value[vrrp.Version]
	Priority       Value[uint8]
	AdvertInterval Value[time.Duration]
	Preempt        Value[bool]
	PreemptDelay   Value[time.Duration]
	Unicast        Value[UnicastKeys]
	Addresses      Value[[]Value[netip.Prefix]]
	ExtraAddresses Value[[]Value[netip.Prefix]]
	SyncGroup      Value[string]
	Checksum       Value[vrrp.Checksum]
	AuthPassFile   Value[string]
	Track          Value[TrackKeys]
	ConnectionSync Value[ConnectionSyncKeys]
}

// UnicastKeys say between which addresses advertisements go, where that is not from
// the interface's own to all.
type UnicastKeys struct {
	Source Value[netip.Addr]
	Peers  Value[[]Value[netip.Addr]]
}

// TrackKeys is what a virtual router follows.
type TrackKeys struct {
	Interfaces      Value[[]Value[string]]
	VirtualServices Value[[]Value[TrackedServiceKeys]]
	Commands        Value[[]Value[TrackedCommandKeys]]
}

// TrackedServiceKeys is a virtual service that a router follows.
type TrackedServiceKeys struct {
	Name    Value[string]
	Penalty Value[int]
}

// TrackedCommandKeys is a command that a router follows.
type TrackedCommandKeys struct {
	Command  Value[[]Value[string]]
	Interval Value[time.Duration]
	Timeout  Value[time.Duration]
	Fall     Value[int]
	Rise     Value[int]
	Penalty  Value[int]
}

// ConnectionSyncKeys say where the kernel's sync daemon speaks.
type ConnectionSyncKeys struct {
	Interface Value[string]
	ID        Value[uint8]
}
