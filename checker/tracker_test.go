package checker

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A line of results and of the verdicts after each: s success, f failure, r refusal,
// i inconclusive; U up, D down, ? none yet.
func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name, results, verdicts string
		fall, rise              int
	}{
		{"the first success is up", "s", "U", 3, 2},
		{"fall failures are down at first", "fff", "??D", 3, 2},
		{"one refusal is down at first", "r", "D", 3, 2},
		{"inconclusive runs are no verdict", "iiiii", "?????", 1, 1},
		{"a first success after failures is up", "ffs", "??U", 3, 2},
		{"failures that are not consecutive never add up", "sffsffsff", "UUUUUUUUU", 3, 2},
		{"fall failures are down", "sfff", "UUUD", 3, 2},
		{"a refusal is down at once", "sr", "UD", 3, 2},
		{"a refusal is down amid failures", "sfr", "UUD", 3, 2},
		{"rise successes are up again", "rss", "DDU", 3, 2},
		{"successes that are not consecutive never add up", "rsfsrs", "DDDDDD", 3, 2},
		{"inconclusive runs leave a row of failures alone", "sfifif", "UUUUUD", 3, 2},
		{"inconclusive runs leave a row of successes alone", "rsis", "DDDU", 3, 2},
		{"one of each is enough if told so", "fsfs", "DUDU", 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr, got := newTracker(), ""
			for _, letter := range c.results {
				tr.add(Timing{Fall: c.fall, Rise: c.rise}, Result{Answer: answerOf(letter), Percent: 100})
				got += string("?UD"[tr.verdict])
			}
			if got != c.verdicts {
				t.Errorf("%s gave %s, want %s", c.results, got, c.verdicts)
			}
		})
	}
}

func answerOf(letter rune) Answer {
	return map[rune]Answer{'i': Inconclusive, 's': Success, 'f': Failure, 'r': Refusal}[letter]
}

// What belongs to the verdict is that of the result that settled it last.
func TestWhatSettlesAVerdict(t *testing.T) {
	timing := Timing{Fall: 2, Rise: 2}
	tr := newTracker()
	step := func(r Result, want string) {
		t.Helper()
		changed := tr.add(timing, r)
		got := fmt.Sprintf("%c mode %d starting %t %d%% %q changed %t streak %d",
			"?UD"[tr.verdict], tr.mode, tr.starting, tr.percent, tr.reason, changed, tr.streak)
		if got != want {
			t.Errorf("after %+v\n got %s\nwant %s", r, got, want)
		}
	}
	ok := success()
	half := Result{Answer: Success, Percent: 50, Reason: "half"}
	draining := Result{Answer: Success, Mode: Draining, Percent: 100, Reason: "drain"}
	starting := Result{Answer: Refusal, Starting: true, Percent: 100, Reason: "starting"}

	step(failed("a"), `? mode 0 starting false 100% "" changed false streak 1`)
	step(inconclusive("no port"), `? mode 0 starting false 100% "" changed false streak 1`)
	step(failed("b"), `D mode 0 starting false 100% "b" changed true streak 2`)
	step(failed("b"), `D mode 0 starting false 100% "b" changed false streak 3`)
	step(failed("c"), `D mode 0 starting false 100% "c" changed true streak 4`)
	step(draining, `D mode 0 starting false 100% "c" changed false streak 1`)
	step(draining, `U mode 1 starting false 100% "drain" changed true streak 2`)
	step(half, `U mode 0 starting false 50% "half" changed true streak 3`)
	step(failed("d"), `U mode 0 starting false 50% "half" changed false streak 1`)
	step(ok, `U mode 0 starting false 100% "" changed true streak 1`)
	step(starting, `D mode 0 starting true 100% "starting" changed true streak 1`)
	step(failed("e"), `D mode 0 starting false 100% "e" changed true streak 2`)
}

func TestFastWhileAVerdictIsBeingReached(t *testing.T) {
	for results, want := range map[string]bool{
		"": false, "i": false, "f": true, "s": false, "sf": true, "sfi": true, "sfs": false, "sff": false,
		"r": false, "rs": true, "rsf": false, "rss": false,
	} {
		tr := newTracker()
		for _, letter := range results {
			tr.add(Timing{Fall: 2, Rise: 2}, Result{Answer: answerOf(letter)})
		}
		if tr.reaching() != want {
			t.Errorf("after %q: %t, want %t", results, !want, want)
		}
	}
}

// naive judges the whole history each time.
func naive(timing Timing, history []Answer) Verdict {
	verdict := Unknown
	var told []Answer
	last := func(n int, is func(Answer) bool) bool {
		for i := range n {
			if i >= len(told) || !is(told[len(told)-1-i]) {
				return false
			}
		}
		return true
	}
	for _, a := range history {
		if a == Inconclusive {
			continue
		}
		told = append(told, a)
		switch {
		case a == Refusal, last(timing.Fall, func(a Answer) bool { return a != Success }):
			verdict = Down
		case a == Success && verdict != Down, last(timing.Rise, func(a Answer) bool { return a == Success }):
			verdict = Up
		}
	}
	return verdict
}

func TestTrackerIsTheNaiveOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		timing := Timing{Fall: rapid.IntRange(1, 5).Draw(t, "fall"), Rise: rapid.IntRange(1, 5).Draw(t, "rise")}
		letters := rapid.StringOfN(rapid.RuneFrom([]rune("sssfffir")), 0, 40, -1).Draw(t, "results")
		tr, quiet := newTracker(), newTracker() // quiet hears of no inconclusive run
		var history []Answer
		for _, letter := range letters {
			r := Result{Answer: answerOf(letter), Percent: 100}
			before := tr
			history = append(history, r.Answer)
			changed := tr.add(timing, r)
			if want := naive(timing, history); tr.verdict != want {
				t.Fatalf("%s: verdict %d, want %d", letters, tr.verdict, want)
			}
			if changed != (tr.verdict != before.verdict) {
				t.Fatalf("%s: changed is %t", letters, changed)
			}
			if r.Answer != Inconclusive {
				quiet.add(timing, r)
			}
		}
		if tr != quiet {
			t.Fatalf("inconclusive runs made a difference: %+v, %+v", tr, quiet)
		}
		if clean := strings.ReplaceAll(letters, "i", ""); tr.streak > len(clean) {
			t.Fatalf("%s: streak %d", letters, tr.streak)
		}
	})
}
