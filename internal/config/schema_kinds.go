package config

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/mainstay-lvs/mainstay/checker"
	"github.com/mainstay-lvs/mainstay/internal/wire"
)

var commandKeys = orAlone(object(
	required("argv", list(argument), commandArgv, "the program, named by its absolute path, and its arguments"),
	defaulted("dynamic_weight", boolean, func(c *CommandKeys) *Value[bool] { return &c.DynamicWeight }, false,
		"whether exit status 2 to 255 is a success that asks for the weight of the status less 2"),
), "argv", list(argument), commandArgv)

func commandArgv(c *CommandKeys) *Value[[]Value[string]] { return &c.Argv }

// argument is one argument of a command.
var argument = scalar("string", `an argument; "" for an empty one`, func(text string) (string, error) {
	if strings.ContainsRune(text, 0) {
		return "", errors.New("has a zero byte (want none: an argument ends there)")
	}
	return text, nil
}, same)

// peerName is a name that peers are told, as MONITOR/1 and HEARTBEAT/1 have them.
var peerName = matching("1 to 128 of A-Z a-z 0-9 . _ : / + - [ ]", peerPattern)

// ValidID says whether a sender of heartbeats, or a relay, can have an id.
func ValidID(id string) bool { return peerPattern.MatchString(id) }

var peerPattern = regexp.MustCompile(`^[A-Za-z0-9._:/+\[\]-]{1,128}$`)

func monitorService(m *MonitorKeys) *Value[string] { return &m.Service }

func monitorSecret(m *MonitorKeys) *Value[string] { return &m.Secret }

var monitorTarget = within(func(k *MonitorKeys) *TargetKeys { return &k.Target }, targetKeys)

var monitorKeys = object(slices.Concat(monitorTarget, []key[MonitorKeys]{
	required("service", peerName, monitorService, "the name that the program knows the service by"),
	defaulted("mode", choices(choice[checker.MonitorMode]{"poll", checker.Poll}, choice[checker.MonitorMode]{"watch", checker.Watch}),
		func(m *MonitorKeys) *Value[checker.MonitorMode] { return &m.Mode }, checker.Poll,
		"poll: a question for each answer; watch: one question, and the program tells each change at once"),
	optional("secret", nameWord, monitorSecret, "none: answers are not signed", "the name of the secret that signs its answers"),
})...)

var agentKeys = object(slices.Concat(
	within(func(k *AgentKeys) *TargetKeys { return &k.Target }, []key[TargetKeys]{
		targetAddress,
		required("port", portNumber, targetPort, "the agent's port"),
	}),
	[]key[AgentKeys]{
		optional("send", agentText, func(a *AgentKeys) *Value[string] { return &a.Send }, "nothing",
			"what to send when connected"),
		defaulted("expires", duration(time.Second), func(a *AgentKeys) *Value[time.Duration] { return &a.Expires }, 30*time.Second,
			"for how long the last word of an agent counts that has gone silent"),
	})...)

// agentText is what an agent is sent.
var agentText = holding(sendText, func(text string) error {
	if len(text) > wire.MaxLine {
		return fmt.Errorf("is %d bytes long (want at most %d: an agent reads a line)", len(text), wire.MaxLine)
	}
	return nil
})

// maxDatagram is the longest payload of a UDP datagram over IPv4, in bytes.
const maxDatagram = 65_507

// datagramText and datagramBytes are the payload of a datagram.
var (
	datagramText  = fitting(sendText, func(text string) int { return len(text) })
	datagramBytes = fitting(hexBytes(false), func(h HexBytes) int { return len(h.Bytes) })
)

// fitting makes a codec refuse what a datagram can't hold.
func fitting[V any](c codec[V], size func(V) int) codec[V] {
	return holding(c, func(v V) error {
		if n := size(v); n > maxDatagram {
			return fmt.Errorf("is %d bytes long (want at most %d: a datagram holds no more)", n, maxDatagram)
		}
		return nil
	})
}

var udpKeys = object(slices.Concat(
	within(func(k *UDPKeys) *TargetKeys { return &k.Target }, targetKeys),
	[]key[UDPKeys]{
		optional("send", datagramText, func(u *UDPKeys) *Value[string] { return &u.Send }, "an empty datagram",
			"text to send in one datagram"),
		optional("send_hex", datagramBytes, func(u *UDPKeys) *Value[HexBytes] { return &u.SendHex }, "",
			"instead of send: bytes to send in one datagram"),
		optional("expect", pattern, func(u *UDPKeys) *Value[Pattern] { return &u.Expect }, "any reply, or none",
			"what to find in the reply"),
		optional("expect_hex", hexBytes(true), func(u *UDPKeys) *Value[HexBytes] { return &u.ExpectHex }, "",
			"instead of expect: how the reply begins; ?? is any byte"),
		defaulted("require_reply", boolean, func(u *UDPKeys) *Value[bool] { return &u.RequireReply }, false,
			"whether silence is a failure; it always is where a reply is expected"),
	})...)

var dnsKeys = object(slices.Concat(
	within(func(k *DNSKeys) *TargetKeys { return &k.Target }, targetKeys),
	[]key[DNSKeys]{
		defaulted("name", domainName, func(d *DNSKeys) *Value[string] { return &d.Name }, ".", "the name that is asked for"),
		defaulted("type", words("A", "AAAA", "CAA", "CNAME", "DNSKEY", "DS", "HTTPS", "MX", "NAPTR", "NS", "PTR", "RRSIG",
			"SOA", "SRV", "SVCB", "TLSA", "TXT"), func(d *DNSKeys) *Value[string] { return &d.Type }, "SOA",
			"the type of record that is asked for"),
		defaulted("protocol", words("udp", "tcp"), func(d *DNSKeys) *Value[string] { return &d.Protocol }, "udp",
			"how it is asked; udp: an answer that was cut off is asked for again over TCP"),
		defaulted("rcodes", list(words("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN",
			"YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE")), func(d *DNSKeys) *Value[[]Value[string]] { return &d.RCodes },
			[]Value[string]{{V: "NOERROR"}}, "the response codes that are right"),
		optional("answer_regexp", pattern, func(d *DNSKeys) *Value[Pattern] { return &d.AnswerRegexp }, "any answer, or none",
			"what to find in one record of the answer, as zone files write it"),
	})...)

var domainPattern = regexp.MustCompile(`^(\.|([A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?)$`)

// domainName is a whole domain name, with its final dot or without.
var domainName = scalar("domain name", "a domain name, as in example.com; . for the root", func(text string) (string, error) {
	const most = 253 // RFC 1035, section 2.3.4: 255 octets on the wire
	if !domainPattern.MatchString(text) || len(strings.TrimSuffix(text, ".")) > most {
		return "", errNotThat
	}
	return text, nil
}, same)

var pingKeys = object(
	optional("address", hostAddress, func(p *PingKeys) *Value[netip.Addr] { return &p.Address }, "the real server's",
		"the address that is pinged"),
)

var grpcKeys = object(slices.Concat(
	within(func(k *GRPCKeys) *TargetKeys { return &k.Target }, targetKeys),
	[]key[GRPCKeys]{
		optional("service", matching("a service's name, as in mail.v1.Inbox", regexp.MustCompile(`^[!-~]{1,255}$`)),
			func(g *GRPCKeys) *Value[string] { return &g.Service }, "the server as a whole", "whose health is asked for"),
		defaulted("mode", choices(choice[GRPCMode]{"check", GRPCCheck}, choice[GRPCMode]{"watch", GRPCWatch}),
			func(g *GRPCKeys) *Value[GRPCMode] { return &g.Mode }, GRPCCheck,
			"check: a question for each answer; watch: one question, and the server tells each change at once"),
		optional("authority", requestHost, func(g *GRPCKeys) *Value[string] { return &g.Authority }, "the target",
			"the :authority of the request"),
		optional("tls", object(tlsKeys...), func(g *GRPCKeys) *Value[TLSKeys] { return &g.TLS }, "plain HTTP/2",
			"speak TLS, in this way"),
	})...)
