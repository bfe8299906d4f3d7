package vrrp

// Verdict is what becomes of a datagram: it is accepted, or dropped for one reason.
type Verdict uint8

// The verdicts. Where several reasons hold, the first of them is the verdict.
const (
	Accepted Verdict = iota

	// The datagram.
	WrongVRID    // another virtual router's
	WrongFamily  // IPv6 at a router of IPv4 or the reverse; in Decode also version 2 over IPv6, which there is not
	OwnAddress   // the source is our own address
	GroupHeard   // sent to a multicast group, and the router is unicast
	UnicastHeard // not sent to the group, and the router is multicast
	WrongTTL     // sent to the group with a TTL or hop limit other than 255: a router has passed it on
	UnknownPeer  // the source is none of the router's unicast peers

	// The message.
	TooShort        // shorter than the header
	WrongVersion    // neither 2 nor 3
	VersionMismatch // version 2 at a router of version 3 or the reverse
	WrongType       // not an advertisement
	NoAddresses     // it counts no addresses
	WrongLength     // its count of addresses does not fit its length
	WrongChecksum   // in version 3 over IPv4: neither of the two
	ZeroInterval    // an advertisement interval of 0

	// What the router is set up to hear, in version 2.
	WrongAuthType    // authentication where we have none, none where we have, or an unknown one
	WrongAuthPass    // not our password
	IntervalMismatch // not our advertisement interval

	verdictCount // how many there are
)

// String returns the verdict as a counter's label.
func (v Verdict) String() string {
	return [...]string{
		"accepted",
		"wrong_vrid", "wrong_family", "own_address", "group_heard", "unicast_heard", "wrong_ttl", "unknown_peer",
		"too_short", "wrong_version", "version_mismatch", "wrong_type", "no_addresses", "wrong_length",
		"wrong_checksum", "zero_interval",
		"wrong_auth_type", "wrong_auth_pass", "interval_mismatch",
	}[v]
}
