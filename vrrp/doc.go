// Package vrrp is one virtual router: a group of hosts of which one, the master,
// holds a set of IP addresses, by the Virtual Router Redundancy Protocol, versions 2
// (RFC 3768) and 3 (RFC 5798, RFC 9568).
//
// Its parts, from the inside out:
//
//   - [Machine] is the state machine of RFC 9568, section 6, as a pure function of
//     state, event and time. It hands back effects, to be carried out in their order.
//   - [Packet] is an advertisement; it is encoded and decoded by pure functions, and
//     whatever is wrong with a datagram is one named [Verdict].
//   - [Instance] is the driver: a machine, its packets, its counters and warnings,
//     and an [Edge] that does to the host what the machine asks for.
//   - [Conn] is the raw socket of IP protocol 112.
//
// RFC 9568 renamed the master to the active router. Operators say master, and so does
// this package.
//
// Nothing here starts a goroutine or reads a clock: whoever owns an Instance calls it
// with what happened and when.
package vrrp
