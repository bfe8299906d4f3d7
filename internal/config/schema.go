package config

import (
	"math"
	"net/netip"
	"regexp"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/decide"
	"github.com/mainstay-lvs/mainstay/ipvs"
)

// This file and its neighbours, schema_checks.go and so on, are the table of all keys. To
// add a key: a field in file.go or its neighbours, a line here, and its use in resolve.go
// or its neighbours.

var fileKeys = object(
	optional("director", directorKeys, func(f *File) *Value[DirectorKeys] { return &f.Director }, "",
		"this director and the daemon on it"),
	optional("secrets", named(anyName, secretKeys), func(f *File) *Value[[]Entry[SecretKeys]] { return &f.Secrets }, "",
		"shared keys, each in a file of its own that the daemon may read, no other user may, and its group may not write"),
	optional("checks", named(checkName, checkKeys), func(f *File) *Value[[]Entry[CheckKeys]] { return &f.Checks }, "",
		"checks that virtual services and real servers use by name"),
	optional("virtual_routers", list(routerKeys), func(f *File) *Value[[]Value[RouterKeys]] { return &f.VirtualRouters }, "",
		"groups of hosts, this one among them, whose master holds a set of addresses (VRRP)"),
	optional("virtual_services", list(serviceKeys), func(f *File) *Value[[]Value[ServiceKeys]] { return &f.VirtualServices }, "",
		"what clients connect to, and the real servers behind it"),
	optional("relay", relayKeys, func(f *File) *Value[RelayKeys] { return &f.Relay }, "",
		"for mainstay relay: whose heartbeats are gathered, and where they are passed on to"),
)

var directorKeys = object(
	optional("name", nameWord, func(d *DirectorKeys) *Value[string] { return &d.Name }, "the host's name",
		"the director's name in status"),
	defaulted("control_socket", socketPath, func(d *DirectorKeys) *Value[string] { return &d.ControlSocket },
		"/run/mainstay/control.sock",
		"where the other commands reach the daemon; mode 0660; not changed by a reload"),
	defaulted("state_dir", absolute, func(d *DirectorKeys) *Value[string] { return &d.StateDir }, "/var/lib/mainstay",
		"the directory of what outlives a restart; not changed by a reload"),
	defaulted("on_stop", choices(choice[OnStop]{"keep", Keep}, choice[OnStop]{"clear", Clear}),
		func(d *DirectorKeys) *Value[OnStop] { return &d.OnStop }, Keep,
		"whether our services stay in the kernel's table when the daemon stops"),
	defaulted("audit_interval", duration(100*time.Millisecond), func(d *DirectorKeys) *Value[time.Duration] { return &d.AuditInterval },
		30*time.Second, "how often the kernel's table is compared with the wanted one"),
	optional("command_user", matching("a user's name", regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,31}$`)),
		func(d *DirectorKeys) *Value[string] { return &d.CommandUser }, "none: needed where the daemon runs as root",
		"the user that commands run as when the daemon runs as root"),
	defaulted("heartbeat_listen", socketAddress, func(d *DirectorKeys) *Value[netip.AddrPort] { return &d.HeartbeatListen },
		heartbeatListen, "where heartbeats are received (UDP), if any check is a heartbeat; not changed by a reload"),
)

// heartbeatListen is where directors and relays listen unless the file says otherwise:
// everywhere, in both families.
var heartbeatListen = netip.AddrPortFrom(netip.IPv6Unspecified(), 9652)

var secretKeys = exactlyOne("place to read it from", secretPlaces, object(secretPlaces...))

var secretPlaces = []key[SecretKeys]{
	optional("file", absolute, func(s *SecretKeys) *Value[string] { return &s.File }, "",
		"the file that holds the secret: its bytes without a final newline, at least 16"),
	optional("files", list(absolute), func(s *SecretKeys) *Value[[]Value[string]] { return &s.Files }, "",
		"several, for a rotation: the first signs, all verify"),
}

var forwardMethod = spelled(ipvs.NAT, ipvs.DR, ipvs.Tunnel)

var serviceKeys = object(
	required("name", nameWord, func(s *ServiceKeys) *Value[string] { return &s.Name },
		"the service's own name in commands, logs and status"),
	optional("address", listenAddress, func(s *ServiceKeys) *Value[ipvs.Key] { return &s.Address }, "",
		"where clients connect to"),
	optional("fwmark", whole[uint32](1, math.MaxUint32), func(s *ServiceKeys) *Value[uint32] { return &s.Fwmark }, "",
		"instead of address: the firewall mark of the packets to balance"),
	optional("family", spelled(ipvs.IPv4, ipvs.IPv6), func(s *ServiceKeys) *Value[ipvs.Family] { return &s.Family }, "",
		"with fwmark: the family of the marked packets"),
	defaulted("scheduler", words(ipvs.Schedulers...), func(s *ServiceKeys) *Value[string] { return &s.Scheduler },
		ipvs.DefaultScheduler, "the kernel's scheduler"),
	optional("scheduler_flags", list(words(flagWords()...)), func(s *ServiceKeys) *Value[[]Value[string]] { return &s.SchedulerFlags }, "",
		"options of the schedulers sh and mh"),
	defaulted("one_packet", boolean, func(s *ServiceKeys) *Value[bool] { return &s.OnePacket }, false,
		"UDP: schedule each datagram by itself"),
	required("forward", forwardMethod, func(s *ServiceKeys) *Value[ipvs.Forward] { return &s.Forward },
		"how packets reach the real servers; it has no default, since the wrong one black-holes traffic in silence"),
	optional("persistence", object(
		required("timeout", duration(time.Second), func(p *PersistenceKeys) *Value[time.Duration] { return &p.Timeout },
			"how long a client is remembered, in whole seconds"),
		optional("prefix", whole(1, 128), func(p *PersistenceKeys) *Value[int] { return &p.Prefix }, "32 for IPv4, 128 for IPv6",
			"how many leading bits of the client's address count"),
	), func(s *ServiceKeys) *Value[PersistenceKeys] { return &s.Persistence }, "none",
		"keep a client on the same real server"),
	defaulted("quorum", whole(1, math.MaxInt32), func(s *ServiceKeys) *Value[int] { return &s.Quorum }, 1,
		"the sum of the weights of working servers at which the service counts as working"),
	defaulted("hysteresis", whole(0, math.MaxInt32), func(s *ServiceKeys) *Value[int] { return &s.Hysteresis }, 0,
		"how far that sum must move past the quorum before it is gained or lost"),
	optional("sorry_server", endpoint, func(s *ServiceKeys) *Value[Endpoint] { return &s.SorryServer }, "none",
		"who serves while the quorum is lost; its port is the service's where it has none"),
	defaulted("on_failure", choices(choice[decide.OnFailure]{"remove", decide.Remove}, choice[decide.OnFailure]{"quiesce", decide.Quiesce}),
		func(s *ServiceKeys) *Value[decide.OnFailure] { return &s.OnFailure }, decide.Remove,
		"whether a failed server leaves the table, or stays with weight 0"),
	defaulted("fail_open_below", percent, func(s *ServiceKeys) *Value[int] { return &s.FailOpenBelow }, 0,
		"when less than this share of the weight is up, failed servers are served again"),
	defaulted("slow_start", duration(0), func(s *ServiceKeys) *Value[time.Duration] { return &s.SlowStart }, 0,
		"how long a recovered server takes to get back to its whole weight"),
	defaulted("drain_timeout", duration(0), func(s *ServiceKeys) *Value[time.Duration] { return &s.DrainTimeout }, time.Minute,
		"how long a drained server may keep its connections; 0: out at once"),
	optional("checks", list(checkUse), func(s *ServiceKeys) *Value[[]Value[CheckUse]] { return &s.Checks }, "none: servers count as up",
		"what a real server must pass, all of it: names of checks, kinds with their defaults, or checks written in place"),
	required("real_servers", list(serverKeys), func(s *ServiceKeys) *Value[[]Value[ServerKeys]] { return &s.RealServers },
		"the servers behind the service, each an address or a mapping"),
)

var serverKeys = orAlone(object(
	required("address", endpoint, serverAddress,
		"the server's address; its port is the service's where it has none"),
	defaulted("weight", whole(0, math.MaxUint16), func(s *ServerKeys) *Value[int] { return &s.Weight }, 1,
		"its share of new connections; 0: none"),
	optional("forward", forwardMethod, func(s *ServerKeys) *Value[ipvs.Forward] { return &s.Forward }, "the service's",
		"how packets reach this server"),
	optional("tunnel", object(
		defaulted("type", spelled(ipvs.IPIP, ipvs.GUE, ipvs.GRE), func(t *TunnelKeys) *Value[ipvs.TunnelType] { return &t.Type }, ipvs.IPIP,
			"what packets are wrapped in"),
		optional("port", whole[uint16](1, math.MaxUint16), func(t *TunnelKeys) *Value[uint16] { return &t.Port }, "",
			"gue: the UDP port, needed there"),
		defaulted("checksum", spelled(ipvs.ChecksumNone, ipvs.ChecksumStandard, ipvs.ChecksumRemote),
			func(t *TunnelKeys) *Value[ipvs.TunnelChecksum] { return &t.Checksum }, ipvs.ChecksumNone,
			"gue, gre: the checksum of the outer header; remote: gue only"),
	), func(s *ServerKeys) *Value[TunnelKeys] { return &s.Tunnel }, "ipip",
		"forward tunnel: how packets are wrapped"),
	optional("max_connections", whole[uint32](0, math.MaxUint32), func(s *ServerKeys) *Value[uint32] { return &s.MaxConnections }, "0: no limit",
		"at so many connections the server gets no new ones (the kernel's upper threshold)"),
	optional("resume_connections", whole[uint32](0, math.MaxUint32), func(s *ServerKeys) *Value[uint32] { return &s.ResumeConnections },
		"three quarters of max_connections",
		"under so many it gets new ones again (the kernel's lower threshold)"),
	optional("checks", list(checkUse), func(s *ServerKeys) *Value[[]Value[CheckUse]] { return &s.Checks }, "the service's",
		"what this server must pass, instead of the service's checks"),
), "address", endpoint, serverAddress)

func serverAddress(s *ServerKeys) *Value[Endpoint] { return &s.Address }

// anyName lets only names pass.
func anyName(d *decoder, given string, at place) bool {
	if !namePattern.MatchString(given) {
		d.errorf(at, "is not a name (want %s)", wantName)
		return false
	}
	return true
}

// targetKeys are the keys of every kind of check that connects to a port.
var targetKeys = []key[TargetKeys]{
	targetAddress,
	optional("port", portNumber, targetPort, "the real server's", "the port it connects to"),
}

var (
	targetAddress = optional("address", hostAddress, func(t *TargetKeys) *Value[netip.Addr] { return &t.Address }, "the real server's",
		"where the check connects to")
	portNumber = whole[uint16](1, math.MaxUint16)
)

func targetPort(t *TargetKeys) *Value[uint16] { return &t.Port }
