package checker

import "testing"

// What all probes keep together is bounded.
func TestShelf(t *testing.T) {
	s := &shelf{most: 2}
	if !s.enter() || !s.enter() || s.enter() {
		t.Error("a shelf for two does not take two")
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
