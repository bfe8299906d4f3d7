package main

import (
	"fmt"
	"slices"
	"time"
)

func printHeader(runs int, estimate time.Duration) {
	fmt.Printf(`A client's outage when the addresses move, in milliseconds, of %d runs a row. A ping each
millisecond; what the third host's answers were late by at the same moment is taken off.
The events come right after an advertisement, the worst moment: "cable" is pulled on the
master; "stop" by its operator; its "return", which preempts; "failover" by command; "kill"
-9 of its daemon, of the whole of keepalived. "lost" are the pings never answered in the
worst run. "takeover" is the median time from the old master's last advertisement to the
new one's first, and "theory" what the protocol says of that: 3 intervals and the skew time,
or after a priority 0 the skew time. Version 3, IPv4, multicast; priorities %d and %d. It
takes about %.0f minutes.

%-40s %8s %8s %8s %6s %9s %8s %7s
`, runs, high, low, max(1, estimate.Minutes()), "event/interval/master/peer", "median", "worst", "min", "lost", "takeover", "theory", "noise")
}

func printRow(name string, s *sample, theory time.Duration) {
	took, said := "-", "-" // one that comes back is not waited for
	if theory > 0 {
		took, said = milliseconds(median(s.takeovers)), milliseconds(theory)
	}
	fmt.Printf("%-40s %8s %8s %8s %6d %9s %8s %7s\n", name, milliseconds(median(s.outages)), milliseconds(slices.Max(s.outages)),
		milliseconds(slices.Min(s.outages)), s.lost, took, said, milliseconds(s.noise))
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond))
}

// median is the middle one, the mean of the middle two of an even number.
func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
