package checker

import (
	"net/netip"
	"regexp"
	"time"
)

// Defaults of a check's timing, those of the configuration file.
const (
	DefaultInterval = time.Second
	DefaultTimeout  = 500 * time.Millisecond
	DefaultFall     = 3
	DefaultRise     = 2
)

// Timing says how often a check runs and how its results become a verdict.
type Timing struct {
	Interval time.Duration // start to start; a check never overlaps itself
	Timeout  time.Duration // the deadline of one run, at most Interval
	// FastInterval is start to start while a verdict is being reached: while
	// failures of a working server or successes of a failed one add up. At most
	// Interval.
	FastInterval time.Duration
	Fall         int // transport failures in a row before down, 1 or more
	Rise         int // successes in a row before up again, 1 or more
}

// DefaultTiming is the timing of a check that names none.
func DefaultTiming() Timing {
	return Timing{
		Interval:     DefaultInterval,
		Timeout:      DefaultTimeout,
		FastInterval: DefaultInterval,
		Fall:         DefaultFall,
		Rise:         DefaultRise,
	}
}

// Spec is one check of one target, complete: nothing in it is left to a default.
type Spec struct {
	// Target is where the check connects to: the real server's address unless
	// the check names another.
	Target  netip.AddrPort
	Options Options
	Timing  Timing
}

// Options are what one kind of check is told besides its target and timing. The
// kinds are those of this package: [TCP], [TLS], [HTTP], [Exchange], [Command],
// [Monitor], [Heartbeat], [Agent], [UDP], [DNS], [Ping] and [GRPC].
type Options interface {
	// Kind is the kind's name in the configuration file.
	Kind() string
}

// TCP succeeds when a TCP connection can be opened.
type TCP struct{}

// Kind returns "tcp".
func (TCP) Kind() string { return "tcp" }

// TLS succeeds when a TLS handshake does. It is also how [HTTP] and [Exchange]
// speak TLS.
type TLS struct {
	ServerName         string // sent (SNI) and verified; empty: the target's address is verified
	RootCAs            []byte // PEM; empty: the system's
	Certificate        []byte // PEM, the client's; empty: none is offered
	Key                []byte // PEM, the client certificate's private key
	InsecureSkipVerify bool   // any certificate will do
	ALPN               []string
}

// Kind returns "tls".
func (TLS) Kind() string { return "tls" }

// HTTP succeeds when a request is answered as wanted.
type HTTP struct {
	Method  string
	Path    string // with its query
	Host    string // empty: the target
	Headers []Header
	Status  []StatusRange  // which answers are right; never empty
	Body    *regexp.Regexp // searched in the first 64 KiB of the body; nil: any body
	TLS     *TLS           // nil: plain HTTP
}

// Header is one header of a request.
type Header struct{ Name, Value string }

// StatusRange is a range of HTTP status codes, both ends included.
type StatusRange struct{ From, To int }

// Kind returns "http".
func (HTTP) Kind() string { return "http" }

// Exchange succeeds when every step of a conversation does.
type Exchange struct {
	Steps []Step // one or more
	TLS   *TLS   // nil: plain TCP
}

// Step is one step of an [Exchange]: exactly one of its fields is set.
type Step struct {
	Send   []byte         // bytes to send
	Expect *regexp.Regexp // found in what was read and not yet consumed; what it matches, and all before, is consumed
	// ExpectBytes are the next bytes, exactly, where the same byte of Mask is
	// 0xff; where it is 0x00 any byte will do. Both have the same length.
	ExpectBytes []byte
	Mask        []byte
}

// Kind returns "exchange".
func (Exchange) Kind() string { return "exchange" }

// Command succeeds when a program exits with 0 within the timeout.
type Command struct {
	Argv []string // an absolute path and its arguments
	// DynamicWeight gives exit 2..255 the meaning of keepalived's misc_dynamic: a
	// success that asks for the absolute weight of the exit code less 2.
	DynamicWeight bool
}

// Kind returns "command".
func (Command) Kind() string { return "command" }

// Monitor asks the monitor inside a real server's program, with MONITOR/1.
type Monitor struct {
	Server  netip.AddrPort // the real server the question is about
	Service string         // the name the program knows the service by
	Mode    MonitorMode
	// Secrets are the shared keys: the first signs, all verify. None: answers
	// are not signed.
	Secrets [][]byte
}

// MonitorMode says how a monitor is asked.
type MonitorMode uint8

// The modes of a [Monitor] check.
const (
	Poll  MonitorMode = iota // a question for each answer
	Watch                    // one question; the program answers each interval, and at once when something changes
)

// Kind returns "monitor".
func (Monitor) Kind() string { return "monitor" }

// Heartbeat waits for what a real server's program says of itself with HEARTBEAT/1,
// directly or through relays. Its heartbeats come each Timing.Interval. Timing.Fall,
// Timing.Timeout and Timing.FastInterval are those of Fallback.
type Heartbeat struct {
	ID      string // names the sender; unique among all heartbeats
	Service string // the name the program knows the service by
	// Secrets are the keys that senders' keys are derived from: a line counts if
	// one of them made its sender's. None: lines are not signed.
	Secrets [][]byte
	// Misses is how many intervals without a heartbeat are down, 1 or more.
	Misses int
	// Fallback is asked, by polling at the spec's Target, to confirm a new instance
	// and to decide while the relays of the server are silent; nil: nobody is.
	Fallback *Monitor
}

// Kind returns "heartbeat".
func (Heartbeat) Kind() string { return "heartbeat" }

// Agent asks an agent that speaks HAProxy's agent-check protocol: one line for each
// connection, which changes only what it mentions. Down, stopped and fail are a
// [Refusal]; maint, which goes before these, and drain are modes; a percentage over 100
// counts as 100. What an agent says counts; that it says nothing, or what is no such
// line, does not: a silent agent is not a down server. Until Expires has passed since its
// last line a run without one is [Inconclusive]; then, or where there never was one, it is
// a plain [Success], and what was said is forgotten.
type Agent struct {
	Send    string        // sent when connected, as HAProxy's agent-send; may be empty
	Expires time.Duration // for how long the agent's last word counts when it has gone silent; above 0
}

// Kind returns "agent".
func (Agent) Kind() string { return "agent" }

// UDP succeeds when a datagram is answered as wanted or, where no reply is required,
// is not refused within the timeout. A reply that is not as wanted does not end the wait.
//
// A refusal is an ICMP error. Without RequireReply a server that is down is noticed only
// where that comes through: hosts send them at a limited rate, of Linux about one a
// second, and firewalls often drop them.
type UDP struct {
	Send         []byte         // one datagram's payload; may be empty, at most 65507 bytes
	RequireReply bool           // silence is a failure; true where one of the fields below is set
	Expect       *regexp.Regexp // found in the reply; nil: any reply; not with ExpectBytes
	// ExpectBytes begin the reply, where the same byte of Mask is 0xff; where it is
	// 0x00 any byte will do. Both have the same length.
	ExpectBytes []byte
	Mask        []byte
}

// Kind returns "udp".
func (UDP) Kind() string { return "udp" }

// DNS succeeds when a name server answers a question, of class IN and with recursion
// desired, as wanted. Over UDP the question is repeated twice within the timeout, and
// asked over TCP where the answer is cut short.
type DNS struct {
	Name     string   // what is asked for, fully qualified, with or without its last dot
	Type     string   // the type of record, as in A or SOA
	Protocol string   // "udp" or "tcp"
	RCodes   []string // which answers are right, as in NOERROR; never empty
	// Answer is found in one record of the answer, as zone files write it with one
	// space between fields: "www.example. 300 IN A 192.0.2.7". Nil: any answer, also an
	// empty one.
	Answer *regexp.Regexp
}

// Kind returns "dns".
func (DNS) Kind() string { return "dns" }

// Ping succeeds when an ICMP echo request is answered. It needs CAP_NET_RAW, or a group
// within the sysctl net.ipv4.ping_group_range; the target's port does not matter.
type Ping struct{}

// Kind returns "ping".
func (Ping) Kind() string { return "ping" }

// GRPC succeeds when the standard health service (grpc.health.v1) says SERVING. Its
// other words are a [Refusal]; UNKNOWN is one that is [Result].Starting. By Check each run
// has a connection of its own. With Watch one is kept, on which the server tells changes
// at once and is asked by Check each interval; the end of the watch is a [Failure] at
// once, and then it is dialled again: while it stays down less and less often, down to
// each 5 s, or each interval if that is longer.
//
// The logger of google.golang.org/grpc, which by default writes to standard error, is
// replaced by one that is silent when this package is initialized.
type GRPC struct {
	Service   string // whose health; empty: the server's
	Watch     bool   // by Watch, which tells changes at once, and Check; otherwise by Check alone
	Authority string // the :authority to send; empty: the target
	TLS       *TLS   // nil: plain HTTP/2
}

// Kind returns "grpc".
func (GRPC) Kind() string { return "grpc" }
