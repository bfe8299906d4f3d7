// Package agenda keeps what is to be looked at by when that is due.
package agenda

import (
	"container/heap"
	"iter"
	"time"
)

// Slot is an item's place in an agenda. A type embeds it, and its pointers are then items.
// An item is in one agenda at a time.
type Slot struct {
	At    time.Duration // when it is due
	place int           // its index and 1; 0: it is in no agenda
	order uint64        // of those that are due together the first that entered goes first
}

func (s *Slot) slot() *Slot { return s }

// Planned tells whether the item is in an agenda.
func (s *Slot) Planned() bool { return s.place > 0 }

type item interface{ slot() *Slot }

// Agenda is items by when they are due. The zero value is empty.
type Agenda[T item] struct {
	items   byTime[T]
	entered uint64
}

// Len returns how many items there are.
func (a *Agenda[T]) Len() int { return len(a.items) }

// First returns the item that is due first, the zero value of T if there is none.
func (a *Agenda[T]) First() (first T) {
	if len(a.items) > 0 {
		first = a.items[0]
	}
	return first
}

// All returns the items in no particular order.
func (a *Agenda[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, i := range a.items {
			if !yield(i) {
				return
			}
		}
	}
}

// Put enters an item that is in no agenda, or gives one of this agenda another time.
func (a *Agenda[T]) Put(i T, at time.Duration) {
	s := i.slot()
	s.At = at
	if s.Planned() {
		heap.Fix(&a.items, s.place-1)
		return
	}
	a.entered++
	s.order = a.entered
	heap.Push(&a.items, i)
}

// Leave takes an item out, if it is there.
func (a *Agenda[T]) Leave(i T) {
	if s := i.slot(); s.Planned() {
		heap.Remove(&a.items, s.place-1)
	}
}

// byTime is the items as container/heap wants them.
type byTime[T item] []T

func (b byTime[T]) Len() int { return len(b) }

func (b byTime[T]) Less(i, j int) bool {
	x, y := b[i].slot(), b[j].slot()
	if x.At != y.At {
		return x.At < y.At
	}
	return x.order < y.order
}

func (b byTime[T]) Swap(i, j int) {
	b[i], b[j] = b[j], b[i]
	b[i].slot().place, b[j].slot().place = i+1, j+1
}

func (b *byTime[T]) Push(x any) {
	i := x.(T)
	*b = append(*b, i)
	i.slot().place = len(*b)
}

func (b *byTime[T]) Pop() any {
	last := len(*b) - 1
	i := (*b)[last]
	var none T
	(*b)[last] = none
	*b = (*b)[:last]
	i.slot().place = 0
	return i
}
