package main

import "time"

// outage is how long a client was not served, by the times at which answers came to
// pings sent each period: the longest silence between two answers, less the period,
// and less what the control was late by at that silence's beginning and end. The
// control's address never fails, so its silences are the machine's own.
func outage(virtual, control []time.Duration, period time.Duration) time.Duration {
	var longest time.Duration
	at := 0 // the first of the control's answers that can matter to this silence
	for i := 1; i < len(virtual); i++ {
		from, to := virtual[i-1], virtual[i]
		for at+1 < len(control) && control[at+1] < from-period/2 {
			at++
		}
		if to-from-period > longest {
			longest = max(longest, to-from-period-lateness(control[at:], from, to, period))
		}
	}
	return longest
}

// lateness is what the control's silences at the two ends of a silence exceed the
// period by. Those between the ends say nothing: nothing was served then anyway.
func lateness(control []time.Duration, from, to, period time.Duration) time.Duration {
	slack := period / 2 // both are asked at nearly the same time
	var late time.Duration
	for i := 1; i < len(control) && control[i-1] <= to+slack; i++ {
		a, b := control[i-1], control[i]
		atBegin := a-slack <= from && from <= b+slack
		atEnd := a-slack <= to && to <= b+slack
		overlap := min(b, to) - max(a, from)
		if atBegin || atEnd {
			late += max(0, min(b-a-period, overlap))
		}
	}
	return late
}

// worst is the longest silence between two answers.
func worst(answers []time.Duration) time.Duration {
	var longest time.Duration
	for i := 1; i < len(answers); i++ {
		longest = max(longest, answers[i]-answers[i-1])
	}
	return longest
}
