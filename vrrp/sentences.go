package vrrp

import (
	"fmt"
	"net/netip"
	"strings"
)

// sentence says what the trouble is, who has it, and what to do.
func (i *Instance) sentence(kind warningKind, s *sighting) string {
	switch {
	case kind < warningKind(verdictCount):
		return fmt.Sprintf("an advertisement of %v is dropped: %s", s.source, i.whyDropped(Verdict(kind), s))
	case kind == twoMasters:
		return fmt.Sprintf("%v is master too (priority %d, ours is %d) and does not give way: it does not hear us, look for what keeps protocol %d from it",
			s.source, s.priority, i.machine.Effective(), Protocol)
	case kind == intervalsDiffer:
		return fmt.Sprintf("%v advertises every %v, and we every %v: set the same advert_interval on both",
			s.source, s.interval, i.router.AdvertInterval)
	case kind == addressesDiffer:
		return fmt.Sprintf("%v advertises %s, and we %s: set the same addresses on both",
			s.source, list(s.addresses), list(i.addresses))
	}
	return fmt.Sprintf("%s failed: %v", whatFailed[kind-edgeFails], s.err)
}

var whatFailed = [edgeKinds]string{
	sendEdge:     "sending an advertisement",
	addEdge:      "adding the addresses",
	removeEdge:   "removing the addresses",
	announceEdge: "announcing the addresses",
}

// whyDropped is a verdict as the end of a sentence.
func (i *Instance) whyDropped(v Verdict, s *sighting) string {
	switch v {
	case OwnAddress:
		return "that is our own address; another host has it too, or the network sends back what we send"
	case GroupHeard:
		return fmt.Sprintf("it was sent to the group %v, and we are unicast: set unicast on both, or on neither", s.destination)
	case UnicastHeard:
		return fmt.Sprintf("it was sent to %v, and we are multicast: set unicast on both, or on neither", s.destination)
	case WrongTTL:
		return fmt.Sprintf("its TTL is %d rather than 255, so it is not from this link: look for what forwards it", s.ttl)
	case UnknownPeer:
		return "it is none of the unicast peers: add it to them if it belongs to this router"
	case TooShort:
		return "it is too short to be one"
	case WrongVersion:
		return "its version is neither 2 nor 3"
	case VersionMismatch:
		return fmt.Sprintf("it is of version %d, and we are of version %d: set the same on both, or both will be master (keepalived's default is 2)",
			V2+V3-i.router.Version, i.router.Version)
	case WrongType:
		return "it is a message of another type"
	case NoAddresses:
		return "it names no addresses: set the same on both"
	case WrongLength:
		return "its length does not fit its count of addresses"
	case WrongChecksum:
		return "its checksum is wrong: something damages it on its way"
	case ZeroInterval:
		return "its interval is 0"
	case WrongAuthType:
		return i.whyAuthType(s.authType)
	case WrongAuthPass:
		return "its password is not ours: set the same auth_pass_file on both (keepalived sends the first 8 bytes of its auth_pass)"
	case IntervalMismatch:
		return fmt.Sprintf("its interval is %v, and ours is %v, which version 2 does not allow: set the same on both, or both will be master",
			s.interval, i.router.AdvertInterval)
	default:
		return "it is not for us"
	}
}

func (i *Instance) whyAuthType(theirs AuthType) string {
	switch {
	case theirs == AuthNone:
		return "it has no password, and we have one: set auth_pass_file on both, or on neither"
	case theirs == AuthSimple:
		return "it has a password, and we have none: set auth_pass_file on both, or on neither"
	}
	return fmt.Sprintf("its authentication is of type %d, and we know a password in clear text only, or none", theirs)
}

// listed is how many addresses a sentence names.
const listed = 8

// list names addresses, but not too many.
func list(addresses []netip.Addr) string {
	var b strings.Builder
	for n, a := range addresses[:min(len(addresses), listed)] {
		if n > 0 {
			b.WriteString(", ")
		}
		b.WriteString(a.String())
	}
	if more := len(addresses) - listed; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}
