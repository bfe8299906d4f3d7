package vrrp

import "net/netip"

// Datagram is one datagram of IP protocol 112, as it was received.
type Datagram struct {
	// Source and Destination are of one family and have no zone: the interface is known.
	Source, Destination netip.Addr
	// TTL is the time to live, in IPv6 the hop limit.
	TTL uint8
	// Payload is what follows the header of IP. It may alias the buffer of the receiver,
	// and nothing keeps it.
	Payload []byte
}

// PeekVRID returns the VRID of a payload, so that the owner of a [Conn] can find the
// router that a datagram is for, be it right or wrong otherwise; ok is false where
// the payload is too short to have one.
func PeekVRID(payload []byte) (vrid uint8, ok bool) {
	if len(payload) < 2 {
		return 0, false
	}
	return payload[1], true
}
