package config

import (
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/mainstay-lvs/mainstay/checker"
)

var checkKeys = exactlyOne("kind of check", kindKeys, object(slices.Concat(kindKeys, []key[CheckKeys]{
	defaulted("interval", duration(10*time.Millisecond), func(c *CheckKeys) *Value[time.Duration] { return &c.Interval },
		checker.DefaultInterval, "start to start; a check never overlaps itself"),
	defaulted("timeout", duration(time.Millisecond), func(c *CheckKeys) *Value[time.Duration] { return &c.Timeout },
		checker.DefaultTimeout, "the deadline of one run, at most interval"),
	defaulted("fall", whole(1, 1000), func(c *CheckKeys) *Value[int] { return &c.Fall },
		checker.DefaultFall, "transport failures in a row before the server is down"),
	defaulted("rise", whole(1, 1000), func(c *CheckKeys) *Value[int] { return &c.Rise },
		checker.DefaultRise, "successes in a row before it is up again"),
	optional("fast_interval", duration(10*time.Millisecond), func(c *CheckKeys) *Value[time.Duration] { return &c.FastInterval },
		"interval", "start to start while a verdict is being reached, at most interval"),
})...))

// kindKeys are the kinds of check. A check has exactly one of them.
var kindKeys = []key[CheckKeys]{
	optional("tcp", object(within(func(k *TCPKeys) *TargetKeys { return &k.Target }, targetKeys)...),
		func(c *CheckKeys) *Value[TCPKeys] { return &c.TCP }, "", "a TCP connection can be opened"),
	optional("tls", object(slices.Concat(
		within(func(k *TLSCheckKeys) *TargetKeys { return &k.Target }, targetKeys),
		within(func(k *TLSCheckKeys) *TLSKeys { return &k.TLS }, tlsKeys))...),
		func(c *CheckKeys) *Value[TLSCheckKeys] { return &c.TLS }, "", "a TLS handshake succeeds"),
	optional("http", httpKeys, func(c *CheckKeys) *Value[HTTPKeys] { return &c.HTTP }, "", "an HTTP request is answered as wanted"),
	optional("exchange", exchangeKeys, func(c *CheckKeys) *Value[ExchangeKeys] { return &c.Exchange }, "", "a conversation goes as written"),
	optional("command", commandKeys, func(c *CheckKeys) *Value[CommandKeys] { return &c.Command }, "",
		"a program, named by its absolute path, exits with 0 within the timeout"),
	optional("monitor", monitorKeys, func(c *CheckKeys) *Value[MonitorKeys] { return &c.Monitor }, "",
		"the monitor inside the real server's program says that the service is up"),
	optional("heartbeat", heartbeatKeys, func(c *CheckKeys) *Value[HeartbeatKeys] { return &c.Heartbeat }, "",
		"the real server's program goes on saying by itself that the service is up"),
	optional("agent", agentKeys, func(c *CheckKeys) *Value[AgentKeys] { return &c.Agent }, "",
		"an agent that speaks HAProxy's agent-check protocol says nothing against it"),
	optional("udp", udpKeys, func(c *CheckKeys) *Value[UDPKeys] { return &c.UDP }, "",
		"a datagram is answered as wanted, or at least not refused"),
	optional("dns", dnsKeys, func(c *CheckKeys) *Value[DNSKeys] { return &c.DNS }, "",
		"a name server answers a question as wanted"),
	optional("ping", pingKeys, func(c *CheckKeys) *Value[PingKeys] { return &c.Ping }, "",
		"an ICMP echo request is answered"),
	optional("grpc", grpcKeys, func(c *CheckKeys) *Value[GRPCKeys] { return &c.GRPC }, "",
		"gRPC's standard health service says SERVING"),
}

// kinds are the names of the kinds: no check can be named after one.
var kinds = kindNames()

// defaultKinds are the kinds that need no keys, each with what makes a check of it.
var defaultKinds = []struct {
	name string
	give func(*CheckKeys)
}{
	{"tcp", func(c *CheckKeys) { c.TCP.Given = true }},
	{"tls", func(c *CheckKeys) { c.TLS.Given = true }},
	{"http", func(c *CheckKeys) { c.HTTP.Given = true }},
	{"udp", func(c *CheckKeys) { c.UDP.Given = true }},
	{"dns", func(c *CheckKeys) { c.DNS.Given = true }},
	{"ping", func(c *CheckKeys) { c.Ping.Given = true }},
	{"grpc", func(c *CheckKeys) { c.GRPC.Given = true }},
}

func kindNames() []string {
	var names []string
	for _, k := range kindKeys {
		names = append(names, k.Path)
	}
	return names
}

// checkName lets only names pass that are no kind's.
func checkName(d *decoder, given string, at place) bool {
	if slices.Contains(kinds, given) {
		d.errorf(at, "is named after a kind of check (want another name: a list of checks names kinds as well)")
		return false
	}
	return anyName(d, given, at)
}

// checkUse is an element of a list of checks.
var checkUse = codec[CheckUse]{
	kind: "name, kind, or check",
	read: func(d *decoder, n *yaml.Node, at place) (CheckUse, bool) {
		switch {
		case n.Kind == yaml.MappingNode:
			c, ok := checkKeys.read(d, n, at)
			return CheckUse{InPlace: &c}, ok
		case n.Kind != yaml.ScalarNode || isNull(n) || n.Value == "":
			d.refuse(n, at, "the name of a check, a kind, or a check written in place")
			return CheckUse{}, false
		}
		return CheckUse{Name: n.Value}, true
	},
	write: func(u CheckUse) *yaml.Node {
		if u.InPlace != nil {
			return checkKeys.write(*u.InPlace)
		}
		return written(u.Name)
	},
}

var tlsKeys = []key[TLSKeys]{
	optional("server_name", matching("a host's name or address, without a port", regexp.MustCompile(`^[A-Za-z0-9._:-]{1,255}$`)),
		func(t *TLSKeys) *Value[string] { return &t.ServerName }, "the target's address",
		"the name to ask for (SNI) and to verify"),
	optional("ca_file", absolute, func(t *TLSKeys) *Value[string] { return &t.CAFile }, "the system's",
		"the certificates to trust, PEM"),
	optional("cert_file", absolute, func(t *TLSKeys) *Value[string] { return &t.CertFile }, "none",
		"the client's certificate, PEM; with key_file"),
	optional("key_file", absolute, func(t *TLSKeys) *Value[string] { return &t.KeyFile }, "none",
		"the private key of cert_file, PEM"),
	defaulted("insecure_skip_verify", boolean, func(t *TLSKeys) *Value[bool] { return &t.InsecureSkipVerify }, false,
		"take any certificate"),
	optional("alpn", list(matching("the name of a protocol, as in h2", regexp.MustCompile(`^[!-~]{1,255}$`))),
		func(t *TLSKeys) *Value[[]Value[string]] { return &t.ALPN }, "none",
		"the application protocols to offer"),
}

var httpKeys = object(slices.Concat(
	within(func(k *HTTPKeys) *TargetKeys { return &k.Target }, targetKeys),
	[]key[HTTPKeys]{
		defaulted("scheme", words("http", "https"), func(h *HTTPKeys) *Value[string] { return &h.Scheme }, "http",
			"plain HTTP, or HTTP over TLS"),
		defaulted("method", method, func(h *HTTPKeys) *Value[string] { return &h.Method }, "GET",
			"the request's method"),
		defaulted("path", requestPath, func(h *HTTPKeys) *Value[string] { return &h.Path }, "/",
			"what to ask for, with its query"),
		optional("host", requestHost, func(h *HTTPKeys) *Value[string] { return &h.Host }, "the target",
			"the header Host"),
		optional("headers", named(headerName, oneLine), func(h *HTTPKeys) *Value[[]Entry[string]] { return &h.Headers }, "none",
			"further headers of the request"),
		defaulted("status", list(statusRange), func(h *HTTPKeys) *Value[[]Value[checker.StatusRange]] { return &h.Status },
			[]Value[checker.StatusRange]{{V: checker.StatusRange{From: 200, To: 299}}},
			"the status codes that are right"),
		optional("body_regexp", pattern, func(h *HTTPKeys) *Value[Pattern] { return &h.BodyRegexp }, "any body",
			"what to find in the first 64 KiB of the body"),
		optional("tls", object(tlsKeys...), func(h *HTTPKeys) *Value[TLSKeys] { return &h.TLS }, "",
			"scheme https: how TLS is spoken"),
	})...)

var methodPattern = regexp.MustCompile(`^[A-Z]{1,32}$`)

var method = scalar("string", "a method, as in GET or HEAD", func(text string) (string, error) {
	if !methodPattern.MatchString(text) || text == http.MethodConnect || text == http.MethodTrace {
		return "", errNotThat
	}
	return text, nil
}, same)

var pathPattern = regexp.MustCompile(`^/[!-~]*$`)

var requestPath = scalar("path", "a path that begins with /, in printable ASCII, without spaces", func(text string) (string, error) {
	const most = 8 << 10 // the most that common servers take
	switch {
	case !pathPattern.MatchString(text):
		return "", errNotThat
	case len(text) > most:
		return "", fmt.Errorf("is %d bytes long (want %d at most)", len(text), most)
	}
	return text, nil
}, same)

var requestHost = scalar("host[:port]", "a host's name or address, with or without a port", func(text string) (string, error) {
	host := text
	if h, port, err := net.SplitHostPort(text); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "", errNotThat
		}
		host = h
	} else if inner, ok := strings.CutPrefix(text, "["); ok {
		host = strings.TrimSuffix(inner, "]")
	}
	if !hostPattern.MatchString(host) {
		return "", errNotThat
	}
	return text, nil
}, same)

var hostPattern = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,255}$`)

// ownHeaders are set by the check itself.
var ownHeaders = []string{"host", "content-length", "transfer-encoding", "connection"}

var headerPattern = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,255}$") // RFC 9110, section 5.1: a token

func headerName(d *decoder, given string, at place) bool {
	switch {
	case !headerPattern.MatchString(given):
		d.errorf(at, "is not a header's name (want letters, digits and -)")
	case strings.EqualFold(given, "host"):
		d.errorf(at, "is set by the check itself (want the key host)")
	case slices.Contains(ownHeaders, strings.ToLower(given)):
		d.errorf(at, "is set by the check itself (want it left out)")
	default:
		return true
	}
	return false
}

// statusRange is one status code, or a range of them.
var statusRange = scalar("status", wantStatus, func(text string) (checker.StatusRange, error) {
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		last = first
	}
	from, err1 := parseStatus(first)
	to, err2 := parseStatus(last)
	switch {
	case err1 != nil || err2 != nil:
		return checker.StatusRange{}, errNotThat
	case from > to:
		return checker.StatusRange{}, fmt.Errorf("is %s, which is no code at all (want %d-%d)", shown(text), to, from)
	}
	return checker.StatusRange{From: from, To: to}, nil
}, func(r checker.StatusRange) string {
	if r.From == r.To {
		return strconv.Itoa(r.From)
	}
	return fmt.Sprintf("%d-%d", r.From, r.To)
})

const wantStatus = "a status code from 100 to 599, or a range of them as in 200-299"

func parseStatus(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n < 100 || n > 599 || len(text) != 3 {
		return 0, errNotThat
	}
	return int(n), nil
}

var exchangeKeys = object(slices.Concat(
	within(func(k *ExchangeKeys) *TargetKeys { return &k.Target }, targetKeys),
	[]key[ExchangeKeys]{
		required("steps", list(stepKeys), func(e *ExchangeKeys) *Value[[]Value[StepKeys]] { return &e.Steps },
			"what to send and what to expect, in this order"),
		optional("tls", object(tlsKeys...), func(e *ExchangeKeys) *Value[TLSKeys] { return &e.TLS }, "plain TCP",
			"speak TLS, in this way"),
	})...)

var stepKeys = exactlyOne("thing to do", stepKinds, object(stepKinds...))

var stepKinds = []key[StepKeys]{
	optional("send", sendText, func(s *StepKeys) *Value[string] { return &s.Send }, "", "text to send"),
	optional("expect", pattern, func(s *StepKeys) *Value[Pattern] { return &s.Expect }, "",
		"what to find in what was read and not yet consumed, 64 KiB at most"),
	optional("send_hex", hexBytes(false), func(s *StepKeys) *Value[HexBytes] { return &s.SendHex }, "", "bytes to send"),
	optional("expect_hex", hexBytes(true), func(s *StepKeys) *Value[HexBytes] { return &s.ExpectHex }, "",
		"the next bytes, exactly; ?? is any byte"),
}
