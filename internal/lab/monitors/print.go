package main

import (
	"fmt"
	"slices"
	"time"
)

func printReactionHeader(o options) {
	fmt.Printf(`How long a real server goes on being given clients when its program dies ("kill" -9), is
stopped (SIGSTOP) or has a worker that is stuck (whose limit is %s), by the way that its
monitor is asked and the interval, in milliseconds, of %d runs a row: until the daemon has
decided ("decided", --observe), or until the server is out of the kernel's table ("table", on
the test kernel, which is some 50 times slower). The checks' other keys are the defaults:
three failures in a row are down.

%-32s %9s %9s %9s
`, stuckAfter, o.runs, "event/mode/interval/until", "median", "worst", "min")
}

func printReaction(r reaction, took []time.Duration) {
	fmt.Printf("%-32s %9s %9s %9s\n", r.name(), milliseconds(median(took)), milliseconds(slices.Max(took)), milliseconds(slices.Min(took)))
}

func printCostHeader(o options) {
	fmt.Printf(`
What a director needs to know of %d real servers each second, signed, while nothing
happens, by %d windows of %s: milliseconds of a processor a second, for a thousand servers as
well; memory, now and at most; descriptors. Servers, relays and director are on one host,
joined by its loopback interface: the kernel's work for a packet is done for whoever sent it.

%-16s %10s %10s %10s %12s %8s %8s %8s
`, o.servers, o.runs, o.window, "way", "median", "worst", "min", "per 1,000", "MiB", "peak", "fds")
}

func printCost(o options, w way, c *cost) {
	fmt.Printf("%-16s %10.1f %10.1f %10.1f %12.2f %8d %8d %8d\n", w.row(), median(c.cpu), slices.Max(c.cpu), slices.Min(c.cpu),
		median(c.cpu)*1000/float64(o.servers), c.resident, c.peak, c.sockets)
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond))
}

// median is the middle one, the mean of the middle two of an even number.
func median[N ~int64 | ~float64](all []N) N {
	sorted := slices.Sorted(slices.Values(all))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
