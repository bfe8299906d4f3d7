package vrrp

import "time"

// counters are what an instance has counted since it was made.
type counters struct {
	sent     uint64
	verdicts [verdictCount]uint64
	edge     [edgeKinds]edgeTrouble
}

// edgeKind is one thing that an [Edge] can fail at.
type edgeKind uint8

const (
	sendEdge edgeKind = iota
	addEdge
	removeEdge
	announceEdge
	edgeKinds // how many there are
)

// String returns the kind as a counter's label.
func (k edgeKind) String() string {
	return [...]string{"send", "add_addresses", "remove_addresses", "announce"}[k]
}

// edgeTrouble is what went wrong with one thing.
type edgeTrouble struct {
	count uint64
	last  error
	at    time.Time
}

// historySize is how many transitions are kept.
const historySize = 20

// history is the last transitions, and how many there were.
type history struct {
	last  []Transition // the oldest first
	count uint64
}

func (h *history) add(t Transition) {
	h.count++
	if len(h.last) == historySize {
		h.last = h.last[:copy(h.last, h.last[1:])]
	}
	h.last = append(h.last, t)
}

// since is when the state in force began, and why; zero where it is the first.
func (h *history) since() (at time.Time, cause string) {
	if len(h.last) == 0 {
		return time.Time{}, ""
	}
	last := h.last[len(h.last)-1]
	return last.At, last.Cause
}
