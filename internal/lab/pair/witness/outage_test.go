package main

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// answers are given at these milliseconds.
func answers(milliseconds ...float64) []time.Duration {
	var all []time.Duration
	for _, ms := range milliseconds {
		all = append(all, time.Duration(ms*float64(time.Millisecond)))
	}
	return all
}

func TestOutage(t *testing.T) {
	for _, c := range []struct {
		name             string
		virtual, control []time.Duration
		want             time.Duration
	}{
		{
			name:    "every ping is answered",
			virtual: answers(0, 1, 2, 3, 4), control: answers(0.1, 1.1, 2.1, 3.1, 4.1),
		},
		{
			name:    "three pings are not answered",
			virtual: answers(0, 1, 5, 6), control: answers(0, 1, 2, 3, 4, 5, 6),
			want: 3 * time.Millisecond,
		},
		{
			name:    "the machine paused: nobody was answered",
			virtual: answers(0, 1, 5, 6), control: answers(0.1, 1.1, 5.1, 6.1),
		},
		{
			name:    "the machine paused as service came back",
			virtual: answers(0, 1, 9, 10), control: answers(0, 1, 2, 3, 4, 9, 10),
			want: 3 * time.Millisecond,
		},
		{
			name:    "the machine paused as service went",
			virtual: answers(0, 1, 9, 10), control: answers(0, 1, 6, 7, 8, 9, 10),
			want: 3 * time.Millisecond,
		},
		{
			name:    "a pause while nothing was served takes nothing off",
			virtual: answers(0, 1, 9, 10), control: answers(0, 1, 2, 3, 7, 8, 9, 10),
			want: 7 * time.Millisecond,
		},
		{
			name:    "a pause before takes nothing off",
			virtual: answers(0, 5, 6, 10, 11), control: answers(0, 5, 6, 7, 8, 9, 10, 11),
			want: 3 * time.Millisecond,
		},
		{
			name:    "the longest of two counts",
			virtual: answers(0, 3, 4, 9, 10), control: answers(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10),
			want: 4 * time.Millisecond,
		},
		{name: "no answer at all is no time between answers", control: answers(0, 1, 2)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := outage(c.virtual, c.control, period); got != c.want {
				t.Errorf("outage is %s, want %s", got, c.want)
			}
		})
	}
}

// What both addresses suffer is never an outage, and an outage is never more than the
// silence.
func TestOutageIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) []time.Duration {
			steps := rapid.SliceOfN(rapid.Int64Range(1, 20_000), 0, 50).Draw(t, name)
			all := []time.Duration{0}
			for _, microseconds := range steps {
				all = append(all, all[len(all)-1]+time.Duration(microseconds)*time.Microsecond)
			}
			return all
		}
		virtual, control := draw("virtual"), draw("control")
		if got := outage(virtual, virtual, period); got != 0 {
			t.Fatalf("beside itself: %s", got)
		}
		if got := outage(virtual, control, period); got < 0 || got > max(0, worst(virtual)-period) {
			t.Fatalf("outage is %s, the longest silence %s", got, worst(virtual))
		}
	})
}
