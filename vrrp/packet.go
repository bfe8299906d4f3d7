package vrrp

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"time"
)

// The groups that advertisements are sent to where they are multicast.
var (
	GroupIPv4 = netip.AddrFrom4([4]byte{224, 0, 0, 18})                // RFC 9568, section 5.1.1.2
	GroupIPv6 = netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 15: 0x12}) // RFC 9568, section 5.1.2.2
)

// AuthType is the authentication type of an advertisement of version 2.
type AuthType uint8

// The authentication types.
const (
	AuthNone   AuthType = 0 // RFC 3768
	AuthSimple AuthType = 1 // a password in clear text, RFC 2338
)

// MaxAddresses is how many addresses one advertisement can hold: they are counted in
// one byte.
const MaxAddresses = 255

// The sizes of what an advertisement consists of, in bytes.
const (
	headerSize = 8 // up to the first address, in both versions
	authSize   = 8 // after the last address, in version 2 only
)

// typeAdvertisement is the only type of message there is.
const typeAdvertisement = 1

// Packet is one advertisement: RFC 3768, section 5, for version 2; RFC 9568, section
// 5, for version 3.
type Packet struct {
	Version  Version
	VRID     uint8
	Priority uint8 // 0: the sender is no longer master
	// Interval is sent in whole seconds up to 255 in version 2, in centiseconds up to
	// 4095 in version 3; what is finer is cut off.
	Interval time.Duration
	// Addresses are of one family, that of the datagram's own addresses. Those beyond
	// MaxAddresses are not sent.
	Addresses []netip.Addr
	// AuthType and Auth are for version 2 only. Auth is at most 8 bytes; zeros at its
	// end are not part of it.
	AuthType AuthType
	Auth     string
	// Checksum says what the checksum covers in version 3 over IPv4; elsewhere there is
	// no choice, and Decode leaves it ChecksumAuto.
	Checksum Checksum
}

// Append appends the advertisement to b, as the payload of a datagram from src to
// dst, which must be of the addresses' family: the checksum may cover them.
// ChecksumAuto is sent as ChecksumRFC5798.
func (p *Packet) Append(b []byte, src, dst netip.Addr) []byte {
	start, addresses := len(b), p.Addresses[:min(len(p.Addresses), MaxAddresses)]
	b = append(b, byte(p.Version)<<4|typeAdvertisement, p.VRID, p.Priority, byte(len(addresses)))
	if p.Version == V2 {
		b = append(b, byte(p.AuthType), byte(p.Interval/time.Second))
	} else {
		b = binary.BigEndian.AppendUint16(b, uint16(p.Interval/centisecond)&0x0fff)
	}
	b = append(b, 0, 0) // the checksum is worked out over zeros in its place
	for _, a := range addresses {
		b = appendAddr(b, a)
	}
	if p.Version == V2 {
		var auth [authSize]byte
		copy(auth[:], p.Auth)
		b = append(b, auth[:]...)
	}
	message := b[start:]
	acc := sum16(0, message)
	if p.Version != V2 && (src.Is6() || p.Checksum != ChecksumRFC9568) {
		acc += pseudoHeader(src, dst, len(message))
	}
	binary.BigEndian.PutUint16(message[6:], fold(acc))
	return b
}

func appendAddr(b []byte, a netip.Addr) []byte {
	if a.Is4() {
		octets := a.As4()
		return append(b, octets[:]...)
	}
	octets := a.As16()
	return append(b, octets[:]...)
}

// Decode reads the payload of a datagram from src to dst as an advertisement. The
// verdict is about the message alone, not about whether any router wants it:
// Accepted, TooShort, WrongVersion, WrongType, WrongFamily, NoAddresses, WrongLength,
// WrongChecksum or ZeroInterval. The packet is whole only where it is Accepted.
//
// Bits that the specifications reserve, and the authentication data where the type
// is none, are ignored as they ask.
func Decode(payload []byte, src, dst netip.Addr) (Packet, Verdict) {
	var p Packet
	v := p.decode(payload, src, dst)
	return p, v
}

// decode is Decode into a packet whose list of addresses is used again.
func (p *Packet) decode(payload []byte, src, dst netip.Addr) Verdict {
	*p = Packet{Addresses: p.Addresses[:0]}
	if len(payload) < headerSize {
		return TooShort
	}
	p.Version = Version(payload[0] >> 4)
	p.VRID, p.Priority = payload[1], payload[2]
	switch {
	case p.Version != V2 && p.Version != V3:
		return WrongVersion
	case payload[0]&0x0f != typeAdvertisement:
		return WrongType
	case src.Is4() != dst.Is4(), p.Version == V2 && !src.Is4():
		return WrongFamily
	}
	count, size := int(payload[3]), src.BitLen()/8
	want := headerSize + count*size
	if p.Version == V2 {
		want += authSize
	}
	switch {
	case count == 0:
		return NoAddresses
	case len(payload) != want:
		return WrongLength
	}
	if !p.verify(payload, src, dst) {
		return WrongChecksum
	}
	if p.Version == V2 {
		p.AuthType = AuthType(payload[4])
		p.Interval = time.Duration(payload[5]) * time.Second
		if p.AuthType != AuthNone {
			p.Auth = strings.TrimRight(string(payload[want-authSize:]), "\x00")
		}
	} else {
		p.Interval = time.Duration(binary.BigEndian.Uint16(payload[4:])&0x0fff) * centisecond
	}
	for b := payload[headerSize : headerSize+count*size]; len(b) > 0; b = b[size:] {
		a, _ := netip.AddrFromSlice(b[:size])
		p.Addresses = append(p.Addresses, a)
	}
	if p.Interval == 0 {
		return ZeroInterval
	}
	return Accepted
}

// verify tells whether the checksum is right, and notes which of the two it is where
// there are two.
func (p *Packet) verify(payload []byte, src, dst netip.Addr) bool {
	message := sum16(0, payload)
	if p.Version == V2 {
		return fold(message) == 0
	}
	with := fold(message+pseudoHeader(src, dst, len(payload))) == 0
	if src.Is6() {
		return with
	}
	if with {
		p.Checksum = ChecksumRFC5798
		return true
	}
	p.Checksum = ChecksumRFC9568
	return fold(message) == 0
}

const centisecond = 10 * time.Millisecond
