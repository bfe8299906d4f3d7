package daemon

import (
	"testing"

	"github.com/mainstay-lvs/mainstay/checker"
	"github.com/mainstay-lvs/mainstay/internal/decide"
)

// The numbers that a check asks for reach the decision.
func TestWhatACheckAsksForIsPassedOn(t *testing.T) {
	event := checker.Event{Verdict: checker.Up, Percent: 50, Weight: checker.Some(40), MaxConnections: checker.Some(0)}
	in := namedCheck{"load", &check{seen: true, last: event}}.input()
	if in.Percent != 50 || in.Weight != decide.Some(40) || in.MaxConnections != decide.Some(0) {
		t.Errorf("%+v", in)
	}
	in = namedCheck{"load", &check{seen: true, last: checker.Event{Verdict: checker.Up, Percent: 100}}}.input()
	if in.Weight.Given || in.MaxConnections.Given {
		t.Errorf("asked for nothing: %+v", in)
	}
}
