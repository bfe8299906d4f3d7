package vrrp

import "time"

// simQueue is a heap of what will happen, in the order of time. At one time arrivals
// come before timers; beyond that what was added first comes first.
type simQueue struct {
	heap []simEvent
	seq  uint64
}

type simEventKind uint8

const (
	simArrival simEventKind = iota
	simStallOver
	simWake
)

type simEvent struct {
	at               time.Time
	seq              uint64
	kind             simEventKind
	host, link, from uint8
	advert           Advert
}

func (e *simEvent) before(o *simEvent) bool {
	if c := e.at.Compare(o.at); c != 0 {
		return c < 0
	}
	if e.kind != o.kind {
		return e.kind < o.kind
	}
	return e.seq < o.seq
}

func (q *simQueue) add(e simEvent) {
	q.seq++
	e.seq = q.seq
	h := append(q.heap, e)
	i := len(h) - 1
	for i > 0 && h[i].before(&h[(i-1)/2]) {
		h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
		i = (i - 1) / 2
	}
	q.heap = h
}

// next takes out the first event, if it is not after end.
func (q *simQueue) next(end time.Time) (e simEvent, ok bool) {
	h := q.heap
	if len(h) == 0 || h[0].at.After(end) {
		return simEvent{}, false
	}
	e = h[0]
	last := len(h) - 1
	h[0] = h[last]
	h = h[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if h[child].before(&h[least]) {
				least = child
			}
		}
		if least == i {
			break
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
	q.heap = h
	return e, true
}
