package heartbeat

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

const (
	// examplesKept is how many examples are kept of each verdict.
	examplesKept = 4
	// exampleEvery is how often one is taken at most: a flood must not cost more for it.
	exampleEvery = 100 * time.Millisecond
)

// Example is one datagram or line that was dropped.
type Example struct {
	At    time.Duration  // when it came
	From  netip.AddrPort // who sent the datagram
	ID    string         // whom it names; empty where it could not be read
	Relay string         // the relay that brought the line; empty where none did
}

// tally counts verdicts.
type tally struct {
	counts   [verdicts]uint64
	examples [verdicts][]Example // the newest last
}

// add counts one verdict.
func (t *tally) add(v Verdict, e Example) {
	t.counts[v]++
	if !v.Dropped() {
		return
	}
	kept := t.examples[v]
	if n := len(kept); n > 0 && e.At-kept[n-1].At < exampleEvery {
		return
	}
	e.ID, e.Relay = strings.Clone(e.ID), strings.Clone(e.Relay)
	if len(kept) == examplesKept {
		kept = slices.Delete(kept, 0, 1)
	}
	t.examples[v] = append(kept, e)
}
