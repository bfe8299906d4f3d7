package main

import (
	"regexp"
	"slices"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		all  []time.Duration
		want time.Duration
	}{
		{[]time.Duration{5}, 5},
		{[]time.Duration{9, 1, 2}, 2},
		{[]time.Duration{9, 1, 2, 4}, 3},
	} {
		if got := median(c.all); got != c.want {
			t.Errorf("median of %v is %d, want %d", c.all, got, c.want)
		}
	}
}

// A row is chosen with the whole series that it is measured in.
func TestChoose(t *testing.T) {
	for _, c := range []struct {
		pattern string
		want    []string
	}{
		{"^return/10ms/keepalived", []string{"stop/10ms/keepalived/keepalived"}},
		{"^failover/1s", []string{"failover/1s/mainstay/mainstay", "failover/1s/mainstay/keepalived"}},
		{"nothing", nil},
	} {
		var got []string
		for _, s := range choose(regexp.MustCompile(c.pattern)) {
			got = append(got, s.row(s.events[0].name))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s chooses %v, want %v", c.pattern, got, c.want)
		}
	}
}

// Version 3 with priorities 200 and 100: the skew time is 156/256 of an interval.
func TestTheory(t *testing.T) {
	for _, s := range choose(regexp.MustCompile("/100ms/keepalived/keepalived")) {
		for _, e := range s.events {
			want := map[string]time.Duration{
				"cable": 360937500 * time.Nanosecond, "kill": 360937500 * time.Nanosecond, "stop": 60937500 * time.Nanosecond, "return": 0,
			}[e.name]
			if got := s.theory(e); got != want {
				t.Errorf("%s: %s, want %s", s.row(e.name), got, want)
			}
		}
	}
}
