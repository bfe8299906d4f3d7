package vrrp

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestLateness(t *testing.T) {
	var l Lateness
	if l.P999() != 0 || l.Worst() != 0 || l.Count() != 0 {
		t.Errorf("empty: %v, %v, %d", l.P999(), l.Worst(), l.Count())
	}
	for range 998 {
		l.Record(50 * time.Microsecond)
	}
	l.Record(-time.Second) // early
	l.Record(40 * time.Millisecond)
	if got := l.P999(); got < 50*time.Microsecond || got > 54*time.Microsecond {
		t.Errorf("one of a thousand is late: p99.9 is %v", got)
	}
	l.Record(39 * time.Millisecond)
	l.Record(38 * time.Millisecond)
	if got := l.P999(); got < 38*time.Millisecond || got > 41*time.Millisecond {
		t.Errorf("three of a thousand are late: p99.9 is %v", got)
	}
	if l.Worst() != 40*time.Millisecond || l.Count() != 1002 {
		t.Errorf("worst %v of %d", l.Worst(), l.Count())
	}
}

// TestLatenessIsClose compares with what sorting says.
func TestLatenessIsClose(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// All magnitudes alike, up to hours.
		late := rapid.Custom(func(t *rapid.T) time.Duration {
			bits := rapid.IntRange(0, 44).Draw(t, "bits")
			return time.Duration(rapid.Int64Range(0, 1<<bits).Draw(t, "ns"))
		})
		all := rapid.SliceOfN(late, 1, 3000).Draw(t, "late")
		var l Lateness
		for _, d := range all {
			l.Record(d)
		}
		slices.Sort(all)
		want := all[len(all)-len(all)/1000-1]
		got, worst := l.P999(), all[len(all)-1]
		if got < want || got > want+want/16+time.Microsecond && got != worst || l.Worst() != worst {
			t.Fatalf("p99.9 is %v, want %v; worst %v, want %v", got, want, l.Worst(), worst)
		}
	})
}

// TestLatenessBuckets: they follow each other without gaps.
func TestLatenessBuckets(t *testing.T) {
	for b := range latenessBuckets - 1 {
		limit := latenessLimit(b)
		if latenessBucket(limit-1) != b || latenessBucket(limit) != b+1 {
			t.Errorf("bucket %d ends at %v, which is in %d after %d", b, limit, latenessBucket(limit), latenessBucket(limit-1))
		}
	}
}
