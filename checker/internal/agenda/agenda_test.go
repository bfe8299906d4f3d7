package agenda

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

type thing struct {
	Slot
	id int
}

// An agenda hands out what was put in and has not left: by time, and of those that are due
// together in the order in which they entered.
func TestAgenda(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a Agenda[*thing]
		var want []*thing // in the order of entering
		next := 0
		at := rapid.Map(rapid.IntRange(0, 5), func(n int) time.Duration { return time.Duration(n) })
		one := func(t *rapid.T) *thing {
			if len(want) == 0 {
				t.Skip("empty")
			}
			return rapid.SampledFrom(want).Draw(t, "thing")
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				next++
				want = append(want, &thing{id: next})
				a.Put(want[len(want)-1], at.Draw(t, "at"))
			},
			"move": func(t *rapid.T) { a.Put(one(t), at.Draw(t, "at")) },
			"leave": func(t *rapid.T) {
				x := one(t)
				a.Leave(x)
				a.Leave(x) // again does nothing
				want = slices.DeleteFunc(want, func(w *thing) bool { return w == x })
				if x.Planned() {
					t.Fatalf("%d has left and is planned", x.id)
				}
			},
			"": func(t *rapid.T) {
				sorted := slices.Clone(want)
				slices.SortStableFunc(sorted, func(x, y *thing) int { return int(x.At - y.At) })
				if a.Len() != len(want) {
					t.Fatalf("%d things, want %d", a.Len(), len(want))
				}
				first := a.First()
				switch {
				case len(sorted) == 0 && first != nil:
					t.Fatalf("an empty agenda has %d", first.id)
				case len(sorted) > 0 && first != sorted[0]:
					t.Fatalf("%d is first, want %d", first.id, sorted[0].id)
				}
				for x := range a.All() {
					if !x.Planned() || !slices.Contains(want, x) {
						t.Fatalf("%d is there", x.id)
					}
				}
			},
		})
	})
}
