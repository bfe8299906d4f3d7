package main

import (
	"fmt"
	"time"
)

const line = "%-32s %9s %9s %14s %14s %14s %14s\n"

func printHeader(duration time.Duration, processors int) {
	fmt.Printf(`Two directors at advertisements each %s, %d processors all busy, %d TCP checks a second
on the master's host (beside keepalived by a Mainstay that observes), for %s each.
"takeovers" are those that nobody asked for. Lateness is in milliseconds, 99.9th percentile
and worst: of the master's advertisements, each after the one before, as the switch sees
them; and of the timers of Mainstay's mastership processes, by their own account.

`, interval, processors, checks, duration)
	fmt.Printf(line, "", "takeovers", "checks/s", "adverts", "master timers", "backup timers", "real time")
}

func (r result) print(name string) {
	adverts := "-"
	if n := len(r.late); n > 0 {
		adverts = both(milliseconds(r.late[(n-1)*999/1000]), milliseconds(r.late[n-1]))
	}
	own, realTime := []string{"-", "-"}, "-"
	for i, t := range r.timers {
		own[i] = both(t.P999, t.Worst)
		realTime = map[bool]string{true: "yes", false: "no"}[t.RealTime]
	}
	fmt.Printf(line, name, fmt.Sprint(r.takeovers), fmt.Sprintf("%.0f", r.perSecond), adverts, own[0], own[1], realTime)
}

func both(p999, worst float64) string { return fmt.Sprintf("%.2f/%.2f", p999, worst) }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
