package checker

import (
	"slices"
	"testing"
)

// What all probes keep together is bounded.
func TestShelf(t *testing.T) {
	s := &shelf{most: 2}
	var took []bool
	for range 3 {
		took = append(took, s.enter())
	}
	if !slices.Equal(took, []bool{true, true, false}) {
		t.Errorf("a shelf for two takes %v", took)
	}
	s.leave()
	if !s.enter() {
		t.Error("there is no place where one has left")
	}
	var none *shelf
	if !none.enter() {
		t.Error("no shelf at all has a bound")
	}
	none.leave()
	if most := newShelf().most; most < 1 {
		t.Errorf("a shelf for %d", most)
	}
}
