// Package checker asks real servers whether they are alive. It runs on Linux.
//
// A [Spec] is one check of one target: what to ask ([Options], one type for each kind
// of check), how often, and how results become a verdict ([Timing]). An [Engine] runs
// any number of them: [Engine.Set] says which, [Engine.Events] is the one stream of
// what they find, and [Engine.Run] does the work. A check is known by its [Key].
//
// # Answers and verdicts
//
// One run ends in one [Answer]. A Failure is anything that goes wrong on the way:
// Fall of them in a row are the verdict Down. A Refusal is the service's own word that
// it does not work, and Down at once. The first Success is the verdict Up; after Down
// it takes Rise of them in a row. Inconclusive is trouble of the director's own, such
// as no free port, no route, or a deadline that it was itself too late for: it is told, and is
// never held against a server.
//
// # Heartbeats
//
// A check of kind [Heartbeat] asks nothing: it waits for what its server says of itself,
// which comes to the socket that [Engine.ServeHeartbeats] is given. What counts, and what
// silence means, is judged by package heartbeat. [Engine.HeartbeatMarks] must be kept over
// a restart.
//
// # Bounds
//
// Nothing that a server does costs another server's check: each run has a deadline,
// each read a limit, each text that is passed on a length. Runs, commands and waiting
// events are bounded by [Config]. What the bounds hold back is late, which
// [Engine.Stats] tells, and never lost.
//
// # Watches
//
// A [Monitor] in mode [Watch] is not run each interval: the program answers by itself,
// and each of its answers is a result at once. All watches of an engine share one
// goroutine. The end of a connection is noticed at once; where thousands of answers
// come each second they are read every 5 ms. What an engine's consumer is too slow
// for is left out, but never the latest change of a check.
//
// # To add a kind of check
//
//  1. Write its options as a type in spec.go, with a method Kind that returns its
//     name in the configuration file. All of its fields enter the [Key] by
//     themselves, if they are of the types that key.go knows.
//  2. Write a file named after it, with a prepare function that finds every mistake
//     in the options, and a probe whose run method asks once: see tcp.go for the
//     smallest. Connect with transport.open, turn errors of the connection into
//     results with trouble, and give every failure a reason that an operator
//     understands. The context ends at the deadline; reads and writes then fail.
//  3. Add one line to the map in kind.go, and an example to the table of keys_test.go.
//  4. A check that stays with its server, rather than ask each interval, also has the
//     methods of standing in kind.go, and reports by its post: watch_probe.go does. A
//     probe that keeps something from run to run is a keeper.
//  5. Test it against servers that are slow, drip, flood, hang, or lie: the table of
//     hostile_test.go has them ready.
package checker
