package checker

import (
	"context"
	"sync"
)

// outbox holds events until the consumer takes them, in order, and can take back
// those of checks that were removed.
type outbox struct {
	out     chan Event
	roomy   func() // called when there is room again after room said no
	filled  chan struct{}
	recalls chan struct{}
	gone    chan struct{} // closed when deliver has ended

	mu      sync.Mutex
	queue   []posted // from head on
	head    int
	inHand  int  // 1 while deliver offers an event
	refused bool // room said no
}

// posted is an event and the check that it is of.
type posted struct {
	event Event
	check *check
}

func newOutbox(roomy func()) *outbox {
	return &outbox{
		out:     make(chan Event),
		roomy:   roomy,
		filled:  make(chan struct{}, 1),
		recalls: make(chan struct{}),
		gone:    make(chan struct{}),
	}
}

// put appends an event, for whose delivery signal is to be called.
func (o *outbox) put(c *check, e Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queue = append(o.queue, posted{e, c})
}

// signal has what was put delivered. To wake who does that costs more than all else
// about an event: many events are worth one signal.
func (o *outbox) signal() {
	select {
	case o.filled <- struct{}{}:
	default:
	}
}

// room tells whether fewer than limit events wait.
func (o *outbox) room(limit int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue)-o.head+o.inHand < limit {
		return true
	}
	o.refused = true
	return false
}

// pending is the number of events that wait.
func (o *outbox) pending() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.queue) - o.head + o.inHand
}

// take takes the first event in hand, and lets go of the one before.
func (o *outbox) take() (p posted, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.inHand = 0
	if o.refused {
		o.refused = false
		o.roomy()
	}
	if o.head == len(o.queue) {
		const keep = 1024 // a burst's memory is given back
		if o.queue, o.head = o.queue[:0], 0; cap(o.queue) > keep {
			o.queue = nil
		}
		return posted{}, false
	}
	p = o.queue[o.head]
	o.queue[o.head] = posted{}
	o.head++
	if o.head > len(o.queue)/2 { // so that the queue does not creep through memory
		n := copy(o.queue, o.queue[o.head:])
		clear(o.queue[n:])
		o.queue, o.head = o.queue[:n], 0
	}
	o.inHand = 1
	return p, true
}

// deliver hands events to the consumer until ctx is done.
func (o *outbox) deliver(ctx context.Context) {
	defer close(o.gone)
	for ctx.Err() == nil {
		p, ok := o.take()
		if ok {
			o.offer(ctx, p)
			continue
		}
		select {
		case <-o.filled:
		case <-o.recalls:
		case <-ctx.Done():
		}
	}
}

// offer hands one event to the consumer, unless its check is removed before.
func (o *outbox) offer(ctx context.Context, p posted) {
	for !p.check.removed.Load() {
		select {
		case o.out <- p.event:
			return
		case <-o.recalls: // perhaps of this check
		case <-ctx.Done():
			return
		}
	}
}

// recall returns when no event of a check that was removed before will be received
// any more.
func (o *outbox) recall() {
	o.mu.Lock()
	kept := o.queue[o.head:][:0]
	for _, p := range o.queue[o.head:] {
		if !p.check.removed.Load() {
			kept = append(kept, p)
		}
	}
	clear(o.queue[o.head:][len(kept):])
	o.queue = o.queue[:o.head+len(kept)]
	o.mu.Unlock()
	select {
	case o.recalls <- struct{}{}: // deliver has none of them in hand any more, either
	case <-o.gone:
	}
}
