// Package conformance tries a program's monitor, whatever it is written in, against the specification of the monitor
// protocols: it connects to the program, says what a director may say and what it must not, and holds what comes back
// against the specification's clauses, which docs/monitor-protocol.md numbers.
//
// [Run] does it all and reports one [Result] for each thing that it tried. It needs nothing of the program but its
// address: what can't be seen from there is listed by [Unseen], with the reason.
package conformance
