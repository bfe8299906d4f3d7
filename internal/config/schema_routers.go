package config

import (
	"net/netip"
	"regexp"
	"time"

	"github.com/mainstay-lvs/mainstay/checker"
	"github.com/mainstay-lvs/mainstay/vrrp"
)

var routerKeys = object(
	required("name", nameWord, func(r *RouterKeys) *Value[string] { return &r.Name },
		"the router's own name in commands, logs and status"),
	required("interface", interfaceName, func(r *RouterKeys) *Value[string] { return &r.Interface },
		"where it advertises and holds its addresses; need not be there yet"),
	required("vrid", whole[uint8](1, 255), func(r *RouterKeys) *Value[uint8] { return &r.VRID },
		"the number that all hosts of the router have in common, and no other router on the link"),
	defaulted("version", unquoted("2 or 3", choices(choice[vrrp.Version]{"2", vrrp.V2}, choice[vrrp.Version]{"3", vrrp.V3})),
		func(r *RouterKeys) *Value[vrrp.Version] { return &r.Version }, vrrp.V3,
		"the protocol's version; keepalived's default is 2"),
	defaulted("priority", whole[uint8](1, vrrp.OwnerPriority), func(r *RouterKeys) *Value[uint8] { return &r.Priority }, 100,
		"the highest that is alive becomes master; 255: this host owns the addresses"),
	defaulted("advert_interval", duration(10*time.Millisecond), func(r *RouterKeys) *Value[time.Duration] { return &r.AdvertInterval },
		time.Second, "how often the master says that it is there"),
	defaulted("preempt", boolean, func(r *RouterKeys) *Value[bool] { return &r.Preempt }, true,
		"whether it takes over from a master of lower priority"),
	defaulted("preempt_delay", duration(0), func(r *RouterKeys) *Value[time.Duration] { return &r.PreemptDelay }, 0,
		"how long it waits before it does"),
	optional("unicast", object(
		required("source", linkAddress, func(u *UnicastKeys) *Value[netip.Addr] { return &u.Source },
			"this host's address, which advertisements are sent from"),
		required("peers", list(linkAddress), func(u *UnicastKeys) *Value[[]Value[netip.Addr]] { return &u.Peers },
			"the other hosts' addresses, which they are sent to and accepted from"),
	), func(r *RouterKeys) *Value[UnicastKeys] { return &r.Unicast }, "multicast",
		"advertise to each of some hosts, instead of to all on the link"),
	required("addresses", list(virtualAddress), func(r *RouterKeys) *Value[[]Value[netip.Prefix]] { return &r.Addresses },
		"what the master holds and advertises, all of one family"),
	optional("extra_addresses", list(virtualAddress), func(r *RouterKeys) *Value[[]Value[netip.Prefix]] { return &r.ExtraAddresses }, "none",
		"what the master holds as well and does not advertise; of either family"),
	optional("sync_group", nameWord, func(r *RouterKeys) *Value[string] { return &r.SyncGroup }, "none",
		"routers with the same word here move together"),
	defaulted("checksum", spelled(vrrp.ChecksumAuto, vrrp.ChecksumRFC5798, vrrp.ChecksumRFC9568),
		func(r *RouterKeys) *Value[vrrp.Checksum] { return &r.Checksum }, vrrp.ChecksumAuto,
		"version 3 over IPv4: whether the checksum sent covers a pseudo-header (rfc5798) or not (rfc9568)"),
	optional("auth_pass_file", absolute, func(r *RouterKeys) *Value[string] { return &r.AuthPassFile }, "none: no authentication",
		"version 2: the file that holds the password, 1 to 8 bytes without a final newline"),
	optional("track", trackKeys, func(r *RouterKeys) *Value[TrackKeys] { return &r.Track }, "nothing but its interface",
		"what the router follows"),
	optional("connection_sync", object(
		required("interface", interfaceName, func(c *ConnectionSyncKeys) *Value[string] { return &c.Interface },
			"where the sync daemon sends and listens"),
		optional("id", whole[uint8](0, 255), func(c *ConnectionSyncKeys) *Value[uint8] { return &c.ID }, "the router's vrid",
			"the sync daemon's number, the same on all directors"),
	), func(r *RouterKeys) *Value[ConnectionSyncKeys] { return &r.ConnectionSync }, "the sync daemon is left alone",
		"have the kernel's sync daemon send open connections as master, and listen as backup; for one router at most"),
)

var penalty = whole(1, vrrp.OwnerPriority-1)

var trackKeys = object(
	optional("interfaces", list(interfaceName), func(t *TrackKeys) *Value[[]Value[string]] { return &t.Interfaces }, "none",
		"further interfaces: while one is down, the router is in fault"),
	optional("virtual_services", list(object(
		required("name", nameWord, func(s *TrackedServiceKeys) *Value[string] { return &s.Name },
			"a virtual service of this file"),
		required("penalty", penalty, func(s *TrackedServiceKeys) *Value[int] { return &s.Penalty },
			"what is taken off the priority while its quorum is lost"),
	)), func(t *TrackKeys) *Value[[]Value[TrackedServiceKeys]] { return &t.VirtualServices }, "none",
		"virtual services that must have their quorum"),
	optional("commands", list(object(
		required("command", list(argument), func(c *TrackedCommandKeys) *Value[[]Value[string]] { return &c.Command },
			"a program, named by its absolute path, and its arguments"),
		defaulted("interval", duration(10*time.Millisecond), func(c *TrackedCommandKeys) *Value[time.Duration] { return &c.Interval },
			checker.DefaultInterval, "start to start"),
		defaulted("timeout", duration(time.Millisecond), func(c *TrackedCommandKeys) *Value[time.Duration] { return &c.Timeout },
			checker.DefaultTimeout, "the deadline of one run, at most interval"),
		defaulted("fall", whole(1, 1000), func(c *TrackedCommandKeys) *Value[int] { return &c.Fall },
			checker.DefaultFall, "failures in a row before it is down"),
		defaulted("rise", whole(1, 1000), func(c *TrackedCommandKeys) *Value[int] { return &c.Rise },
			checker.DefaultRise, "successes in a row before it is up again"),
		required("penalty", penalty, func(c *TrackedCommandKeys) *Value[int] { return &c.Penalty },
			"what is taken off the priority while it is down"),
	)), func(t *TrackKeys) *Value[[]Value[TrackedCommandKeys]] { return &t.Commands }, "none",
		"programs that must exit with 0"),
)

var interfacePattern = regexp.MustCompile(`^[!-.0-9;-~]{1,15}$`)

// interfaceName is what the kernel takes as the name of an interface, in ASCII.
var interfaceName = scalar("interface", "the name of an interface, as in eth0: 1 to 15 characters, none of them a space, / or :",
	func(text string) (string, error) {
		if !interfacePattern.MatchString(text) || text == "." || text == ".." {
			return "", errNotThat
		}
		return text, nil
	}, same)
