package main

import (
	"slices"
	"testing"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/lab/pair"
)

// The backup adds the addresses twice, and the master advertises late once.
func TestJudge(t *testing.T) {
	master, backup := &pair.Director{}, &pair.Director{}
	router := pair.Router{Version: 3, Interval: interval}
	var events []pair.Event
	see := func(ms int, d *pair.Director, what pair.What) {
		e := pair.Event{At: time.UnixMilli(int64(ms)), Director: d, What: what}
		if what != pair.Advertises {
			e.Address = router.Addresses()[0]
		}
		events = append(events, e)
	}
	see(0, master, pair.Advertises)
	see(10, master, pair.Advertises)
	see(12, backup, pair.Adds)
	see(13, backup, pair.Advertises)
	see(33, master, pair.Advertises)
	see(34, backup, pair.Removes)
	see(42, master, pair.Advertises)
	see(43, backup, pair.Adds)
	r := judge(events, master, backup, router)
	if r.takeovers != 2 {
		t.Errorf("%d takeovers, want 2", r.takeovers)
	}
	if want := []time.Duration{0, 0, 13 * time.Millisecond}; !slices.Equal(r.late, want) {
		t.Errorf("late by %v, want %v", r.late, want)
	}
}
