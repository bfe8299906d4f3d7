// Package pair makes pairs of directors that hold virtual addresses by VRRP, Mainstay's
// or keepalived's in either role, on hosts of package lab: for tests and benchmarks. It
// wants root, keepalived, and the programs that make build builds; it wants no IPVS.
//
// Who is master is told by the kernels' addresses and by the advertisements that pass
// the switch, both seen by a program of its own (witness), never by what a director says
// of itself. Nothing here sleeps or asks in a loop: a wait ends with the event.
package pair
