package config

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/mainstay-lvs/mainstay/checker"
	"github.com/mainstay-lvs/mainstay/internal/decide"
	"github.com/mainstay-lvs/mainstay/ipvs"
)

// File is what a configuration file says, key by key, its values typed and
// nothing in it resolved yet. [File.YAML] prints it.
type File struct {
	Director        Value[DirectorKeys]
	Secrets         Value[[]Entry[SecretKeys]]
	Checks          Value[[]Entry[CheckKeys]]
	VirtualRouters  Value[[]Value[RouterKeys]]
	VirtualServices Value[[]Value[ServiceKeys]]
	Relay           Value[RelayKeys]
}

// Value is one value of the file. One that the file doesn't give holds the
// key's default, where the schema has one.
type Value[T any] struct {
	V     T
	Given bool // the file says it

	bad bool // what the file says is wrong and was reported: no rule may build on V
	at  place
}

// Give returns a value as if the file said it, for a [File] made by a program.
func Give[T any](v T) Value[T] { return Value[T]{V: v, Given: true} }

// Entry is one entry of a mapping whose keys are names of the user's choice.
type Entry[T any] struct {
	Name  string
	Value Value[T]

	at place // of the name
}

// OnStop says what becomes of the services in the kernel's table when the
// daemon stops.
type OnStop uint8

// What can become of them.
const (
	Keep  OnStop = iota // they stay, and go on forwarding
	Clear               // Mainstay's own are removed
)

// DirectorKeys is the section director.
type DirectorKeys struct {
	Name            Value[string]
	ControlSocket   Value[string]
	StateDir        Value[string]
	OnStop          Value[OnStop]
	AuditInterval   Value[time.Duration]
	CommandUser     Value[string]
	HeartbeatListen Value[netip.AddrPort]
}

// SecretKeys is one secret: exactly one of its two keys.
type SecretKeys struct {
	File  Value[string]
	Files Value[[]Value[string]]
}

// ServiceKeys is one virtual service.
type ServiceKeys struct {
	Name           Value[string]
	Address        Value[ipvs.Key]
	Fwmark         Value[uint32]
	Family         Value[ipvs.Family]
	Scheduler      Value[string]
	SchedulerFlags Value[[]Value[string]]
	OnePacket      Value[bool]
	Forward        Value[ipvs.Forward]
	Persistence    Value[PersistenceKeys]
	Quorum         Value[int]
	Hysteresis     Value[int]
	SorryServer    Value[Endpoint]
	OnFailure      Value[decide.OnFailure]
	FailOpenBelow  Value[int] // percent
	SlowStart      Value[time.Duration]
	DrainTimeout   Value[time.Duration]
	Checks         Value[[]Value[CheckUse]]
	RealServers    Value[[]Value[ServerKeys]]
}

// PersistenceKeys is the persistence of a virtual service.
type PersistenceKeys struct {
	Timeout Value[time.Duration]
	Prefix  Value[int]
}

// ServerKeys is one real server.
type ServerKeys struct {
	Address           Value[Endpoint]
	Weight            Value[int]
	Forward           Value[ipvs.Forward]
	Tunnel            Value[TunnelKeys]
	MaxConnections    Value[uint32]
	ResumeConnections Value[uint32]
	Checks            Value[[]Value[CheckUse]]
}

// TunnelKeys says how packets to a tunnelled real server are wrapped.
type TunnelKeys struct {
	Type     Value[ipvs.TunnelType]
	Port     Value[uint16]
	Checksum Value[ipvs.TunnelChecksum]
}

// Endpoint is the address of a server, with its port or without one.
type Endpoint struct {
	Addr    netip.Addr
	Port    uint16
	HasPort bool
}

// String returns the endpoint as the file writes it: "192.0.2.21:80",
// "192.0.2.21", "[2001:db8::21]:80" or "[2001:db8::21]".
func (e Endpoint) String() string {
	switch {
	case e.HasPort:
		return netip.AddrPortFrom(e.Addr, e.Port).String()
	case e.Addr.Is6():
		return "[" + e.Addr.String() + "]"
	}
	return e.Addr.String()
}

// At returns the endpoint's address and port, the given one where it has none.
func (e Endpoint) At(port uint16) netip.AddrPort {
	if e.HasPort {
		port = e.Port
	}
	return netip.AddrPortFrom(e.Addr, port)
}

// CheckUse is one element of a list of checks: the name of a check, or a check
// written in place.
type CheckUse struct {
	Name    string     // of a check of the section checks, or of a kind
	InPlace *CheckKeys // where Name is empty
}

// CheckKeys is one check: exactly one kind, and its timing.
type CheckKeys struct {
	TCP       Value[TCPKeys]
	TLS       Value[TLSCheckKeys]
	HTTP      Value[HTTPKeys]
	Exchange  Value[ExchangeKeys]
	Command   Value[CommandKeys]
	Monitor   Value[MonitorKeys]
	Heartbeat Value[HeartbeatKeys]
	Agent     Value[AgentKeys]
	UDP       Value[UDPKeys]
	DNS       Value[DNSKeys]
	Ping      Value[PingKeys]
	GRPC      Value[GRPCKeys]

	Interval     Value[time.Duration]
	Timeout      Value[time.Duration]
	Fall         Value[int]
	Rise         Value[int]
	FastInterval Value[time.Duration]
}

// TargetKeys say where a check connects to, where that is not the real server's
// own address and port.
type TargetKeys struct {
	Address Value[netip.Addr]
	Port    Value[uint16]
}

// TCPKeys are the keys of the kind tcp.
type TCPKeys struct {
	Target TargetKeys
}

// TLSKeys say how TLS is spoken and what is verified.
type TLSKeys struct {
	ServerName         Value[string]
	CAFile             Value[string]
	CertFile           Value[string]
	KeyFile            Value[string]
	InsecureSkipVerify Value[bool]
	ALPN               Value[[]Value[string]]
}

// TLSCheckKeys are the keys of the kind tls.
type TLSCheckKeys struct {
	Target TargetKeys
	TLS    TLSKeys
}

// HTTPKeys are the keys of the kind http.
type HTTPKeys struct {
	Target     TargetKeys
	Scheme     Value[string]
	Method     Value[string]
	Path       Value[string]
	Host       Value[string]
	Headers    Value[[]Entry[string]]
	Status     Value[[]Value[checker.StatusRange]]
	BodyRegexp Value[Pattern]
	TLS        Value[TLSKeys]
}

// ExchangeKeys are the keys of the kind exchange.
type ExchangeKeys struct {
	Target TargetKeys
	Steps  Value[[]Value[StepKeys]]
	TLS    Value[TLSKeys]
}

// StepKeys is one step of an exchange: exactly one of its keys.
type StepKeys struct {
	Send      Value[string]
	Expect    Value[Pattern]
	SendHex   Value[HexBytes]
	ExpectHex Value[HexBytes]
}

// HexBytes are bytes written in hexadecimal. Mask has 0xff for each byte, and
// 0x00 where any byte will do, written ??.
type HexBytes struct {
	Bytes, Mask []byte
}

// String returns the bytes as the file writes them.
func (h HexBytes) String() string {
	text := make([]byte, 0, 2*len(h.Bytes))
	for i, b := range h.Bytes {
		if h.Mask[i] == 0 {
			text = append(text, "??"...)
		} else {
			text = fmt.Appendf(text, "%02x", b)
		}
	}
	return string(text)
}
