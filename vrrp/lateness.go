package vrrp

import (
	"math/bits"
	"time"
)

// Lateness counts how late timers were, in a fixed amount of memory: exact to a
// microsecond below 16 µs, to a sixteenth above, up to 134 s and then all as one. The
// zero value is empty. It is not safe for concurrent use.
type Lateness struct {
	buckets [latenessBuckets]uint64
	count   uint64
	worst   time.Duration
}

// Sixteen buckets of a microsecond, then sixteen for each doubling.
const (
	latenessSteps   = 16
	latenessOctaves = 23
	latenessBuckets = latenessSteps * (1 + latenessOctaves)
)

// Record counts a timer that was late by d. One that was early counts as in time.
func (l *Lateness) Record(d time.Duration) {
	d = max(d, 0)
	l.buckets[latenessBucket(d)]++
	l.count++
	l.worst = max(l.worst, d)
}

// Count returns how many timers were recorded.
func (l *Lateness) Count() uint64 { return l.count }

// Worst returns the greatest lateness, exactly; 0 where nothing was recorded.
func (l *Lateness) Worst() time.Duration { return l.worst }

// P999 returns what 999 of 1,000 timers were no later than, at most a sixteenth too
// much; 0 where nothing was recorded.
func (l *Lateness) P999() time.Duration {
	// Rounded up: of less than a thousand, all.
	enough := l.count - l.count/1000
	var seen uint64
	for b, n := range l.buckets {
		if seen += n; n > 0 && seen >= enough {
			return min(latenessLimit(b), l.worst)
		}
	}
	return 0
}

// latenessBucket is the bucket that a lateness counts in.
func latenessBucket(d time.Duration) int {
	us := uint64(d / time.Microsecond)
	if us < latenessSteps {
		return int(us)
	}
	octave := bits.Len64(us) - bits.Len64(latenessSteps)
	if octave >= latenessOctaves {
		return latenessBuckets - 1
	}
	return latenessSteps*octave + int(us>>octave)
}

// latenessLimit is what all that a bucket counts are less than.
func latenessLimit(bucket int) time.Duration {
	if bucket == latenessBuckets-1 {
		return 1<<63 - 1
	}
	if bucket < latenessSteps {
		return time.Duration(bucket+1) * time.Microsecond
	}
	octave := bucket/latenessSteps - 1
	return time.Duration((bucket-latenessSteps*octave+1)<<octave) * time.Microsecond
}
