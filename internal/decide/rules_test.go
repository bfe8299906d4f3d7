package decide

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

// keepalived's rule (its manual, "quorum" and "hysteresis"): lost under quorum -
// hysteresis, or at 0; gained, also at first, at quorum + hysteresis.
func TestQuorumRule(t *testing.T) {
	for _, test := range []struct {
		quorum, hysteresis int
		met                bool
		weight             int
		want               bool
	}{
		{quorum: 1, met: false, weight: 0, want: false},
		{quorum: 1, met: false, weight: 1, want: true},
		{quorum: 1, met: true, weight: 1, want: true},
		{quorum: 1, met: true, weight: 0, want: false},
		{quorum: 10, hysteresis: 3, met: false, weight: 12, want: false},
		{quorum: 10, hysteresis: 3, met: false, weight: 13, want: true},
		{quorum: 10, hysteresis: 3, met: true, weight: 8, want: true},
		{quorum: 10, hysteresis: 3, met: true, weight: 7, want: true},
		{quorum: 10, hysteresis: 3, met: true, weight: 6, want: false},
		{quorum: 3, hysteresis: 2, met: true, weight: 1, want: true},
		{quorum: 3, hysteresis: 2, met: true, weight: 0, want: false},
		{quorum: 0, met: true, weight: 0, want: false}, // 0 is lost even where the file could ask for it
		{quorum: 0, met: false, weight: 0, want: false},
	} {
		service := Service{Quorum: test.quorum, Hysteresis: test.hysteresis}
		if got := judgeQuorum(&service, test.met, test.weight); got != test.want {
			t.Errorf("quorum %d, hysteresis %d, met %t, weight %d: %t, want %t",
				test.quorum, test.hysteresis, test.met, test.weight, got, test.want)
		}
	}
}

// Fail open begins under fail_open_below and ends 10 points above it, at 100 % at
// the latest.
func TestFailOpenRule(t *testing.T) {
	for _, test := range []struct {
		below    int
		on       bool
		up, down int // weights
		want     bool
	}{
		{below: 0, up: 0, down: 10, want: false},
		{below: 50, up: 4, down: 6, want: true},
		{below: 50, up: 5, down: 5, want: false},
		{below: 50, on: true, up: 5, down: 5, want: true},
		{below: 50, on: true, up: 59, down: 41, want: true},
		{below: 50, on: true, up: 6, down: 4, want: false},
		{below: 95, on: true, up: 99, down: 1, want: true},
		{below: 95, on: true, up: 100, down: 0, want: false},
		{below: 100, up: 99, down: 1, want: true},
		{below: 100, up: 100, down: 0, want: false},
		{below: 50, on: true, up: 0, down: 0, want: false}, // nobody to look at
	} {
		candidates := []candidate{
			{state: StateUp, weight: test.up},
			{state: StateDown, weight: test.down},
			{state: StateDrain, weight: 1000}, // the rest does not count
			{state: StateMaint, weight: 1000},
			{state: StateStarting, weight: 1000},
		}
		service := Service{FailOpenBelow: test.below}
		if got := judgeFailOpen(&service, test.on, candidates); got != test.want {
			t.Errorf("below %d %%, on %t, %d up and %d down: %t, want %t",
				test.below, test.on, test.up, test.down, got, test.want)
		}
	}
}

// What a drain waits for, by protocol and persistence.
func TestDrainWaitsFor(t *testing.T) {
	all := Connections{Active: 1, Inactive: 10, Persistent: 100}
	persistence := ipvs.Persistence{Timeout: 300 * time.Second, Prefix: 32}
	for _, test := range []struct {
		name    string
		service ipvs.Service
		want    left
		says    string
	}{
		{"tcp", ipvs.Service{Key: ipvs.Key{Protocol: ipvs.TCP}}, left{1, 0}, "1 connection"},
		{"sctp", ipvs.Service{Key: ipvs.Key{Protocol: ipvs.SCTP}}, left{1, 0}, "1 connection"},
		{"udp", ipvs.Service{Key: ipvs.Key{Protocol: ipvs.UDP}}, left{11, 0}, "11 connections"},
		{"firewall mark", ipvs.Service{Key: ipvs.MarkKey(7, ipvs.IPv4)}, left{11, 0}, "11 connections"},
		{
			"persistent tcp",
			ipvs.Service{Key: ipvs.Key{Protocol: ipvs.TCP}, Persistence: persistence},
			left{1, 100},
			"1 connection and 100 persistent clients",
		},
	} {
		got := all.left(test.service)
		if got != test.want || got.String() != test.says {
			t.Errorf("%s: %+v, %q; want %+v, %q", test.name, got, got, test.want, test.says)
		}
	}
}

// Checks are found by name, in the order of the configuration.
func TestLineUp(t *testing.T) {
	up := func(name, reason string) Check { return Check{Name: name, Verdict: Up, Reason: reason} }
	for _, test := range []struct {
		name   string
		names  []string
		checks []Check
		want   []Check
	}{
		{"none", nil, nil, nil},
		{"as they are", []string{"a", "b"}, []Check{up("a", ""), up("b", "")}, []Check{up("a", ""), up("b", "")}},
		{"another order", []string{"a", "b"}, []Check{up("b", ""), up("a", "")}, []Check{up("a", ""), up("b", "")}},
		{"one missing", []string{"a", "b"}, []Check{up("b", "")}, []Check{{Name: "a"}, up("b", "")}},
		{"one too many", []string{"a"}, []Check{up("b", ""), up("a", "")}, []Check{up("a", "")}},
		{
			"equal names",
			[]string{"http", "a", "http"},
			[]Check{up("http", "1"), up("http", "2"), up("a", "")},
			[]Check{up("http", "1"), up("a", ""), up("http", "2")},
		},
	} {
		given := append([]Check(nil), test.checks...)
		if diff := cmp.Diff(test.want, lineUp(test.names, test.checks)); diff != "" {
			t.Errorf("%s:\n%s", test.name, diff)
		}
		if diff := cmp.Diff(given, test.checks); diff != "" {
			t.Errorf("%s: changed what it was given:\n%s", test.name, diff)
		}
	}
}

// Times of another day are said with the day, in the place of now.
func TestSince(t *testing.T) {
	place := time.FixedZone("CET", 3600)
	d := decider{now: time.Date(2026, 3, 1, 22, 14, 0, 0, place)}
	for _, test := range []struct {
		t    time.Time
		want string
	}{
		{time.Time{}, ""},
		{time.Date(2026, 3, 1, 21, 0, 5, 0, time.UTC), " since 22:00:05"},
		{time.Date(2026, 2, 28, 21, 0, 5, 0, time.UTC), " since 2026-02-28 22:00:05"},
	} {
		if got := d.since(test.t); got != test.want {
			t.Errorf("%s: %q, want %q", test.t, got, test.want)
		}
	}
}

// A sorry server without a weight would serve nobody.
func TestSorryServerHasAWeight(t *testing.T) {
	for weight, want := range map[int]int{0: 1, 1: 1, 7: 7} {
		if got := sorryEntry(&Service{Sorry: &ipvs.Server{Weight: weight}}); got.Weight != want {
			t.Errorf("weight %d: %d, want %d", weight, got.Weight, want)
		}
	}
}
