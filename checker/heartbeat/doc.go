// Package heartbeat keeps the ledger of the heartbeats that a director hears: which datagrams count, who is silent, and
// what is not known. It is pure: datagrams, answers of polls and the time go in, findings come out.
//
// # What counts
//
// Every datagram, and every line in a relay's datagram, gets one [Verdict]: accepted, held, or one reason why it is
// dropped. A line is judged in the order of what that costs: parsed, looked up, compared with the mark, and only then
// its mac. The mark of an id and service is the newest (instance, seq) that was accepted; only a line above it is,
// or while that instance is silent one of an instance before it, if a poll says that this one runs.
// With no mark, or when the instance jumps, the line is held until a poll with a fresh nonce says that this instance is
// the one that runs. Where no check has a fallback to poll by, it counts at once and is called unconfirmed.
//
// # Who is silent
//
// A line is dated once: its first arrival, less the age that a relay put to it. A check is down when that is longer ago
// than its misses x interval, and everybody who carried its lines lately says so. Whoever is heard directly is said so
// by silence itself. A relay says so by bringing the same line with too high an age, or by as many complete rounds
// without it, during all of which it was there; it is waited for, until the silence lasts twice as long as is allowed.
// Where every relay that carried a line is silent or its rounds are incomplete, nothing is known: the last verdict
// stays, and polls decide where there is a fallback. So losing a relay empties no table.
//
// The director's own trouble condemns nobody. What it spends stalled does not count as silence, and after a stall
// silence must last twice as long, not longer: a director that is always late still finds who is dead. While datagrams
// are lost in its own socket nothing is known of who is heard directly, and polls decide.
//
// # What remains
//
// A relay, or whoever sits on the path, can hold lines back and hand them on later, one by one: where nobody else
// brings them in time, and from the first line on, that makes a server look alive for as long as there are lines in
// stock. A relay can also call a line older than it is, which is refused where it would be older than the one before.
package heartbeat
