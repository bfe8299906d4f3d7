// Package wire reads and writes the lines that directors and real servers exchange. It is pure: no function here opens
// a socket, reads a clock or starts a goroutine, and the package imports the standard library only.
//
// A line is a protocol with its version, a verb, and key=value fields, one space between each:
//
//	MONITOR/1 poll target=192.0.2.21:2222 service=bastion nonce=9f86d081884c7d659a2feaa0c55ad015
//	MONITOR/1 up service=bastion instance=c0ffee seq=12 weight=80 reason="fine" mac=…
//
// [ParseLine] and [Line] hold that grammar, which every protocol of this package shares. [Request] and [Answer] give
// MONITOR/1 its meaning, [Sign] and [Verify] its message authentication code, [CutLine] and [LineReader] its bounds on
// a stream, [AppendAgent] and [ParseAgent] the lines of HAProxy's agent check that stand in for it.
//
// [Heartbeat] is HEARTBEAT/1, what a program says without being asked, signed with a key that [DeriveKey] makes for each
// sender; [Relay] is RELAY/1, many of those lines in one datagram, each with its age ([AppendAged]). [CutHeartbeat] and
// [ParseRelay] hold the bounds of datagrams.
//
// A director's poll is
//
//	line, err := wire.Request{Method: wire.Poll, Target: target, Service: service, Nonce: nonce}.AppendText(nil)
//	// write line and "\n", read one line with a LineReader
//	answer, err := wire.Accept(line, received, service, secrets...)
//
// and what it does with a datagram
//
//	line, err := wire.CutHeartbeat(datagram)
//	heartbeat, err := wire.ParseHeartbeat(line)
//	// find the key of heartbeat.ID; is (Instance, Seq) above what was heard last?
//	err = wire.VerifyHeartbeat(line, wire.DeriveKey(secret, heartbeat.ID))
//
// Implementations in other languages have docs/monitor-protocol.md and the vectors in testdata, which the tests of this
// package hold to the byte.
//
// Functions take and return lines without their ends unless they say otherwise. What a parser accepts can always be
// printed, and the print parses back to the same value; a [Line] prints back to the very bytes it was parsed from.
// Errors are sentences for an operator and wrap one of the sentinels of this package, so that they can be counted by
// reason.
package wire
