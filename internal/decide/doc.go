// Package decide works out the table that the kernel should hold, and says why:
// health and the operator's overrides go in, the wanted [ipvs.Table] comes out,
// with a reason for each server and the next time the question must be asked
// again. It is pure: no socket, no goroutine, no clock. Time is an argument, what
// must be remembered is a value ([Memory]) that goes in and comes out, and
// nothing that goes in is changed.
//
// [DecideService] is the unit: services know nothing of each other, also where
// they share a real server's address, so a caller may ask only about the ones
// that changed. [Decide] asks about all of them.
//
// # A server's state
//
// The first that applies:
//
//	maint     the operator's, or a check's answer: out at once
//	drain     the operator's, a check's answer, or the server is no longer in the
//	          file: weight 0 until its connections are over, then out
//	down      a check failed: on_failure (remove, or quiesce with weight 0)
//	starting  as down, where the program itself says that it isn't ready yet; or no
//	          verdict yet: out, but one that was found in the kernel stays as it is
//	up        all checks pass, or there are none
//
// A check that has no verdict yet never changes a server's last one, so a reload
// that changes a check moves nothing. A failed check counts at once, whatever the
// others say; so do maint and drain.
//
// Drain asked for by a check ends when that check is up and serving again, not
// when it merely fails: a program that drains, ends, and starts anew is one drain.
// A drain keeps its start whoever joins it (an operator who drains what already
// drains adds nothing). It ends early only by connection counts that were read
// after the weight went to 0: older ones say nothing about the connections that
// came since. A firewall mark may carry UDP, so there all connections count, as
// for UDP. A server that isn't in the table when it is told to drain isn't put
// there: it is out at once. So is quiesce: it keeps a server in the table and
// never puts one there.
//
// A server that comes back into the file while it drains stays as it is, at
// weight 0, until its first verdict. Maint on a server that is no longer in the
// file ends its drain at once.
//
// # Weight
//
// W is the operator's weight, or else the lowest absolute one that a check asks for, or
// else the configured one. The weight is max(1, floor(W x percent x ramp + 0.5)), and 0
// when a factor is 0, in integers.
//
// The lowest number of connections that a check asks for takes the place of the
// configured upper threshold; the lower one is cut to it.
//
// A recovery, which starts the ramp of slow_start, is a failed server that may
// serve again. The ramp begins at that moment: for a server that failed and came
// back during maint or drain, when it is enabled. A server that fail open served
// all along did not recover from anything and has no ramp.
//
// With sh, mh and dh a changed percentage, or weight that a check asks for, waits until
// 10 s after the last change of the same server. That holds for a server that stays up
// in the table: where it enters anew the buckets are rebuilt anyway, and a weight that
// the operator or the file changes applies at once.
//
// # The service
//
// Quorum is the sum of W x percent over servers that are up, each rounded as its
// weight is (at least 1), so that a lone server of weight 1 that asks for 80 %
// still makes a quorum of 1. It is lost under quorum - hysteresis or at 0, gained
// at quorum + hysteresis. A server without a verdict that stays in the table as it
// was found counts with W, if its weight there isn't 0: nobody has said that it
// fails.
//
// While quorum is lost the sorry server takes all new connections: servers with a
// weight leave the table, and those with weight 0 (draining, quiesced) stay with
// it, because they take nothing from the sorry server and their open connections
// live on. One of these that comes up meanwhile waits in the table, with weight 0.
// A sorry server that is also a real server of the service is one entry, the sorry
// server's; it isn't used while that server is in drain or maint, for nobody is to
// be sent there.
//
// Fail open looks at the up share of W among servers that are up or down. It ends
// 10 points above its beginning, at 100 % at the latest, or when no server with a
// weight is left to look at.
//
// Until [ServiceInputs.Settled] none of the three is judged, each stays as it was.
//
// # Restarts
//
// In a service's first decision, with no memory of it, its servers in the kernel
// ([ServiceInputs.Adopted]) are adopted: each stays as it is until its first
// verdict; one that isn't in the file drains; the sorry server stays until quorum
// is judged, and servers that aren't in the table wait for that too. Between the
// two thresholds of quorum the kernel says how it was: where a sorry server is
// configured and others serve, quorum was met.
//
// What a restart must not lose besides the overrides is when drains began and
// which check asked for them: [Memory.Kept].
package decide
