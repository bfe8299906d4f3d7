package pair

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

// What is one kind of event.
type What string

// What can be seen of a pair.
const (
	Adds       What = "adds"       // a virtual address came to a director's kernel
	Removes    What = "removes"    // one left it
	Advertises What = "advertises" // an advertisement of the virtual router left a director
)

// Event is one thing that was seen.
type Event struct {
	At       time.Time // Advertises: the kernel's; else when it was read, a little later
	Director *Director
	What     What
	Address  netip.Prefix // Adds, Removes
	Priority int          // Advertises
}

// String is the event as a line: "lb-a (mainstay) advertises 150".
func (e Event) String() string {
	if e.What == Advertises {
		return fmt.Sprintf("%s %s %s %d", e.At.Format("05.000000"), e.Director, e.What, e.Priority)
	}
	return fmt.Sprintf("%s %s %s %s", e.At.Format("05.000000"), e.Director, e.What, e.Address)
}

// journal is what was seen, and what follows from it.
type journal struct {
	mu      sync.Mutex
	changed chan struct{} // closed and replaced with each event
	events  []Event
	holds   map[*Director]map[netip.Prefix]bool
	row     int // how many events at the end are advertisements of one and the same
}

func newJournal() *journal {
	return &journal{changed: make(chan struct{}), holds: make(map[*Director]map[netip.Prefix]bool)}
}

// see takes an event in.
func (j *journal) see(e Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.holds[e.Director] == nil {
		j.holds[e.Director] = make(map[netip.Prefix]bool)
	}
	held := j.holds[e.Director]
	last := Event{}
	if len(j.events) > 0 {
		last = j.events[len(j.events)-1]
	}
	switch {
	case e.What == Adds && held[e.Address] || e.What == Removes && !held[e.Address]:
		return // only its lifetime or a flag changed
	case e.What == Adds:
		held[e.Address] = true
		j.row = 0
	case e.What == Removes:
		delete(held, e.Address)
		j.row = 0
	case e.Priority > 0 && last.What == Advertises && last.Director == e.Director && last.Priority > 0:
		j.row++
	default:
		j.row = 0
	}
	j.events = append(j.events, e)
	close(j.changed)
	j.changed = make(chan struct{})
}

// wait waits until the journal is as wanted. The function is called with the journal
// locked, at once and then after each event.
func (j *journal) wait(t lab.T, what string, as func() bool, state func() string) {
	t.Helper()
	deadline := time.After(lab.Patience)
	for {
		j.mu.Lock()
		done, changed := as(), j.changed
		j.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%s: not within %s\n%s", what, lab.Patience, state())
		}
	}
}

// tail is the last events as lines, adverts of one director in a row as one.
func (j *journal) tail(n int) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var lines []string
	for i := len(j.events) - 1; i >= 0 && len(lines) < n; i-- {
		e := j.events[i]
		again := 0
		for i > 0 && e.What == Advertises && j.events[i-1].What == Advertises && j.events[i-1].Director == e.Director && j.events[i-1].Priority == e.Priority {
			i--
			again++
		}
		line := j.events[i].String()
		if again > 0 {
			line += fmt.Sprintf(", and %d times more", again)
		}
		lines = append(lines, line)
	}
	slices.Reverse(lines)
	return strings.Join(lines, "\n")
}
