package decide

import (
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

// max(1, floor(W x percent x ramp + 0.5)), 0 when a factor is 0.
func TestWeightFormula(t *testing.T) {
	half := ramp{50, 100}
	for _, test := range []struct {
		w, percent int
		ramp       ramp
		want       int
	}{
		{w: 1, percent: 100, ramp: fullRamp, want: 1},
		{w: 0, percent: 100, ramp: fullRamp, want: 0},
		{w: 100, percent: 0, ramp: fullRamp, want: 0},
		{w: 100, percent: 80, ramp: fullRamp, want: 80},
		{w: 100, percent: 80, ramp: half, want: 40},
		{w: 1, percent: 1, ramp: fullRamp, want: 1},
		{w: 1, percent: 100, ramp: ramp{10, 100}, want: 1},
		{w: 10, percent: 14, ramp: fullRamp, want: 1},
		{w: 10, percent: 15, ramp: fullRamp, want: 2}, // 1.5
		{w: 10, percent: 24, ramp: fullRamp, want: 2}, // 2.4
		{w: 5, percent: 50, ramp: fullRamp, want: 3},  // 2.5
		{w: 65535, percent: 100, ramp: fullRamp, want: 65535},
		{w: 65535, percent: 1, ramp: half, want: 328}, // 327.675
	} {
		if got := weightOf(test.w, test.percent, test.ramp); got != test.want {
			t.Errorf("weightOf(%d, %d, %v) = %d, want %d", test.w, test.percent, test.ramp, got, test.want)
		}
	}
}

// The same formula in exact fractions, whatever the numbers.
func TestWeightIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := rapid.IntRange(0, maxWeight).Draw(t, "w")
		percent := rapid.IntRange(0, 100).Draw(t, "percent")
		slowStart := time.Duration(rapid.Int64Range(1, int64(rampLimit/time.Millisecond)).Draw(t, "slow_start")) * time.Millisecond
		elapsed := time.Duration(rapid.Int64Range(0, int64(slowStart)).Draw(t, "elapsed"))
		r, _ := rampAt(elapsed, slowStart)

		share := big.NewRat(1, 1)
		if elapsed < slowStart {
			share.SetFrac64(int64(elapsed.Truncate(time.Second)), int64(slowStart))
			share.Mul(share, big.NewRat(9, 10)).Add(share, big.NewRat(1, 10))
		}
		exact := new(big.Rat).Mul(share, big.NewRat(int64(w)*int64(percent), 100))
		exact.Add(exact, big.NewRat(1, 2))
		want := new(big.Int).Quo(exact.Num(), exact.Denom()).Int64()
		if w > 0 && percent > 0 {
			want = max(want, 1)
		}
		if got := weightOf(w, percent, r); int64(got) != want {
			t.Fatalf("%d x %d %% x %v = %d, want %d", w, percent, share, got, want)
		}
	})
}

// The ramp goes from 10 to 100 % over slow_start, in steps of a second.
func TestRamp(t *testing.T) {
	const s = time.Second
	for _, test := range []struct {
		elapsed, slowStart time.Duration
		percent            int
		grows              time.Duration
	}{
		{elapsed: 0, slowStart: 0, percent: 100},
		{elapsed: 0, slowStart: 10 * s, percent: 10, grows: s},
		{elapsed: s - 1, slowStart: 10 * s, percent: 10, grows: s},
		{elapsed: s, slowStart: 10 * s, percent: 19, grows: 2 * s},
		{elapsed: 5*s + s/2, slowStart: 10 * s, percent: 55, grows: 6 * s},
		{elapsed: 10*s - 1, slowStart: 10 * s, percent: 91, grows: 10 * s},
		{elapsed: 10 * s, slowStart: 10 * s, percent: 100},
		{elapsed: -s, slowStart: 10 * s, percent: 10, grows: s},                         // the clock was set back
		{elapsed: s, slowStart: 1500 * time.Millisecond, percent: 70, grows: 3 * s / 2}, // ends on time
		{elapsed: 0, slowStart: time.Microsecond, percent: 100},
		{elapsed: rampLimit, slowStart: 1 << 62, percent: 100},
	} {
		r, grows := rampAt(test.elapsed, test.slowStart)
		if r.percent() != test.percent || grows != test.grows {
			t.Errorf("%s into a slow start of %s: %d %%, next %s; want %d %%, next %s",
				test.elapsed, test.slowStart, r.percent(), grows, test.percent, test.grows)
		}
	}
}

// A weight on its ramp never falls.
func TestRampIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := rapid.IntRange(0, maxWeight).Draw(t, "w")
		percent := rapid.IntRange(0, 100).Draw(t, "percent")
		slowStart := time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "slow_start"))
		early := rapid.Int64Range(0, int64(2*time.Hour)).Draw(t, "early")
		late := rapid.Int64Range(early, int64(3*time.Hour)).Draw(t, "late")
		before, _ := rampAt(time.Duration(early), slowStart)
		after, _ := rampAt(time.Duration(late), slowStart)
		if b, a := weightOf(w, percent, before), weightOf(w, percent, after); b > a {
			t.Fatalf("%d, and later %d", b, a)
		}
	})
}

// With sh, mh and dh a changed percentage is applied at most every 10 s.
func TestPercentPause(t *testing.T) {
	now := time.Date(2026, 3, 1, 22, 14, 0, 0, time.UTC)
	for _, test := range []struct {
		name string
		was  Applied
		want int // percent asked for
		next Applied
		due  time.Time
	}{
		{name: "enters", want: 70, next: Applied{Valid: true, Percent: 70}},
		{
			name: "first change", was: Applied{Valid: true, Percent: 70}, want: 80,
			next: Applied{Valid: true, Percent: 80, Changed: now},
		},
		{
			name: "no change", was: Applied{Valid: true, Percent: 70, Changed: now.Add(-time.Second)}, want: 70,
			next: Applied{Valid: true, Percent: 70, Changed: now.Add(-time.Second)},
		},
		{
			name: "too soon", was: Applied{Valid: true, Percent: 70, Changed: now.Add(-9 * time.Second)}, want: 0,
			next: Applied{Valid: true, Percent: 70, Changed: now.Add(-9 * time.Second)}, due: now.Add(time.Second),
		},
		{
			name: "10 s later", was: Applied{Valid: true, Percent: 70, Changed: now.Add(-10 * time.Second)}, want: 0,
			next: Applied{Valid: true, Percent: 0, Changed: now},
		},
		{
			name: "the clock was set back", was: Applied{Valid: true, Percent: 70, Changed: now.Add(time.Hour)}, want: 80,
			next: Applied{Valid: true, Percent: 80, Changed: now},
		},
	} {
		next, due := test.was.apply(now, test.want, Optional{})
		if next != test.next || !due.Equal(test.due) {
			t.Errorf("%s: %+v, due %s; want %+v, due %s", test.name, next, due, test.next, test.due)
		}
	}
}

// With sh, mh and dh a changed weight that a check asks for waits as percentages do.
func TestPercentPauseIsOneForWeightsToo(t *testing.T) {
	now := time.Date(2026, 3, 1, 22, 14, 0, 0, time.UTC)
	was, _ := Applied{}.apply(now, 100, Some(40))
	if want := (Applied{Valid: true, Percent: 100, Weight: Some(40)}); was != want {
		t.Fatalf("enters with %+v, want %+v", was, want)
	}
	was, _ = was.apply(now, 50, Some(40))
	next, due := was.apply(now.Add(time.Second), 50, Some(7))
	if next != was || !due.Equal(now.Add(percentPause)) {
		t.Errorf("a second later %+v, due %s", next, due)
	}
	next, due = was.apply(now.Add(percentPause), 50, Optional{})
	if want := (Applied{Valid: true, Percent: 50, Changed: now.Add(percentPause)}); next != want || !due.IsZero() {
		t.Errorf("10 s later %+v, due %s", next, due)
	}
}

// Of the numbers that checks ask for the lowest counts; a threshold of 0 is none.
func TestLowestNumberCounts(t *testing.T) {
	for _, test := range []struct {
		weights, mosts []Optional
		weight, most   Optional
		by             string // who asks for the threshold
	}{
		{},
		{weights: []Optional{Some(0)}, mosts: []Optional{Some(0)}, weight: Some(0), most: Some(0), by: "0"},
		{weights: []Optional{{}, Some(40), Some(7), {}}, mosts: []Optional{{}, Some(40), Some(7), {}}, weight: Some(7), most: Some(7), by: "2"},
		{weights: []Optional{Some(7), Some(0)}, mosts: []Optional{Some(7), Some(0)}, weight: Some(0), most: Some(7), by: "0"},
		{weights: []Optional{Some(0), Some(7)}, mosts: []Optional{Some(0), Some(7)}, weight: Some(0), most: Some(7), by: "1"},
		{weights: []Optional{Some(-1)}, mosts: []Optional{Some(-1)}, weight: Some(0), most: Some(0), by: "0"},
		{weights: []Optional{Some(math.MaxInt)}, mosts: []Optional{Some(math.MaxInt)}, weight: Some(65535), most: Some(math.MaxInt32), by: "0"},
	} {
		var names []string
		var checks []Check
		for i := range test.weights {
			names = append(names, fmt.Sprint(i))
			checks = append(checks, Check{Name: names[i], Verdict: Up, Percent: 100, Weight: test.weights[i], MaxConnections: test.mosts[i]})
		}
		h := judge(names, checks, &noMemory)
		if h.weight.Optional != test.weight || h.most != (asked{test.most, test.by}) {
			t.Errorf("%v: weight %+v, at most %+v; want %+v, %+v", test.weights, h.weight, h.most, test.weight, test.most)
		}
		for i := range checks {
			checks[i].Verdict = Down
		}
		if h := judge(names, checks, &noMemory); h.weight.Given || h.most.Given {
			t.Errorf("%v: of checks that are down: %+v, %+v", test.weights, h.weight, h.most)
		}
	}
}

// Weights and percentages that nobody should give are cut to what there is.
func TestWeightsAndPercentagesAreCut(t *testing.T) {
	a := netip.MustParseAddrPort("192.0.2.21:80")
	for _, test := range []struct{ weight, percent, want int }{
		{weight: 70000, percent: 100, want: 65535},
		{weight: -1, percent: 100, want: 0},
		{weight: 100, percent: 150, want: 100},
		{weight: 100, percent: -50, want: 0},
	} {
		service := Service{
			Quorum:  1,
			Servers: []Server{{Server: ipvs.Server{Address: a, Weight: 1}, Checks: []string{"tcp"}}},
		}
		in := ServiceInputs{Servers: map[netip.AddrPort]ServerInputs{a: {
			Checks:   []Check{{Name: "tcp", Verdict: Up, Percent: test.percent}},
			Override: Override{Weight: &test.weight},
		}}}
		d := DecideService(time.Unix(0, 0), service, in, ServiceMemory{})
		if got := d.Wanted.Servers[0].Weight; got != test.want {
			t.Errorf("%d at %d %%: %d, want %d", test.weight, test.percent, got, test.want)
		}
	}
}
