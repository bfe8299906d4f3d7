package pair

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Router is what the directors of a pair agree on: the virtual router's protocol.
type Router struct {
	Version  int // 2 or 3
	IPv6     bool
	Unicast  bool // advertisements to each peer, not to the multicast group
	Interval time.Duration
}

// String names the router's settings, as a test's name: "v3-ipv4-unicast-100ms".
func (r Router) String() string {
	words := []string{fmt.Sprintf("v%d", r.Version), "ipv4", "multicast", r.Interval.String()}
	if r.IPv6 {
		words[1] = "ipv6"
	}
	if r.Unicast {
		words[2] = "unicast"
	}
	return strings.Join(words, "-")
}

const (
	// VRID is the virtual router's number.
	VRID = 51
	// Name is the virtual router's name in Mainstay's files and keepalived's.
	Name = "edge"
	// Segment is the network that all hosts are on, and the name of their interface.
	Segment = "lan"
	// Virtual is the virtual address that clients ask, of a router of IPv4.
	Virtual = "192.0.2.100"
)

// Addresses are the virtual addresses, two of the router's family. In IPv6 the first is
// link-local (RFC 9568, section 5.2.9).
func (r Router) Addresses() []netip.Prefix {
	texts := []string{Virtual + "/32", "192.0.2.101/32"}
	if r.IPv6 {
		texts = []string{"fe80::100/128", "2001:db8::100/128"}
	}
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// Skew is the skew time of a router with a priority, which falls with it (RFC 9568,
// section 6.1; in version 2 it is a part of a second, and the intervals here are one).
func (r Router) Skew(priority int) time.Duration {
	return r.Interval * time.Duration(256-priority) / 256
}

// Member is what one director has of its own.
type Member struct {
	Program   Program
	Priority  int
	NoPreempt bool
	Binary    string // of Mainstay; empty: mainstay, as make build builds it
	User      string // of Mainstay's commands
	// More is what else its file says: sections of Mainstay's, its virtual services say;
	// lines of keepalived's global_defs.
	More string
}

// Program is what a director runs.
type Program string

// The programs.
const (
	Mainstay   Program = "mainstay"
	Keepalived Program = "keepalived"
)
