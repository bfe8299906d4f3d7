package config

import (
	"net/netip"
	"time"

	"github.com/mainstay-lvs/mainstay/checker"
)

// CommandKeys are the keys of the kind command. Where it has no other than argv, the
// file may give that alone.
type CommandKeys struct {
	Argv          Value[[]Value[string]]
	DynamicWeight Value[bool]
}

// MonitorKeys are the keys of the kind monitor, and but for Mode those of the monitor
// that a heartbeat falls back on.
type MonitorKeys struct {
	Target  TargetKeys
	Service Value[string]
	Mode    Value[checker.MonitorMode]
	Secret  Value[string]
}

// HeartbeatKeys are the keys of the kind heartbeat.
type HeartbeatKeys struct {
	ID       Value[string]
	Service  Value[string]
	Secret   Value[string]
	Interval Value[time.Duration]
	Misses   Value[int]
	Fallback Value[FallbackKeys]
}

// FallbackKeys say who is asked where heartbeats don't suffice.
type FallbackKeys struct {
	Monitor Value[MonitorKeys]
}

// AgentKeys are the keys of the kind agent.
type AgentKeys struct {
	Target  TargetKeys
	Send    Value[string]
	Expires Value[time.Duration]
}

// UDPKeys are the keys of the kind udp: at most one of Send and SendHex, and of Expect
// and ExpectHex.
type UDPKeys struct {
	Target       TargetKeys
	Send         Value[string]
	SendHex      Value[HexBytes]
	Expect       Value[Pattern]
	ExpectHex    Value[HexBytes]
	RequireReply Value[bool]
}

// DNSKeys are the keys of the kind dns.
type DNSKeys struct {
	Target       TargetKeys
	Name         Value[string]
	Type         Value[string]
	Protocol     Value[string]
	RCodes       Value[[]Value[string]]
	AnswerRegexp Value[Pattern]
}

// PingKeys are the keys of the kind ping, which knows no ports.
type PingKeys struct {
	Address Value[netip.Addr]
}

// GRPCMode says how a health service is asked.
type GRPCMode uint8

// How it can be.
const (
	GRPCCheck GRPCMode = iota // a question for each answer
	GRPCWatch                 // one question; changes are told at once
)

// GRPCKeys are the keys of the kind grpc.
type GRPCKeys struct {
	Target    TargetKeys
	Service   Value[string]
	Mode      Value[GRPCMode]
	Authority Value[string]
	TLS       Value[TLSKeys]
}

// RelayKeys is the section relay.
type RelayKeys struct {
	Listen    Value[netip.AddrPort]
	ID        Value[string]
	Secret    Value[string]
	Cadence   Value[time.Duration]
	Directors Value[[]Value[netip.AddrPort]]
}
