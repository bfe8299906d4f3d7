package monitor

import (
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// rounds is what a relay sends and when: all that it has, in each cadence, in parts that are spread over the cadence. How
// many there are is settled when a round begins; what they say is the newest at the moment at which they are sent. It
// only reckons: what the time is it is told.
type rounds struct {
	id       string
	key      []byte
	instance uint64
	cadence  time.Duration
	nursery  nursery

	seq   uint64    // of the present round; 0 before the first
	start time.Time // when it began
	next  int       // the part that comes next
	ends  []int     // where each part ends, in children from the first of the round
	first int       // the child that the round begins with
	count int       // the children of the round

	lines    []byte   // room for the lines of a part
	split    [][]byte // the same, line by line
	datagram []byte   // room for a part
}

func newRounds(o RelayOptions, instance uint64) rounds {
	return rounds{
		id: o.ID, key: o.Key, instance: instance, cadence: o.Cadence,
		nursery: newNursery(wire.MaxDatagram - wire.RelayOverhead(o.ID)),
		lines:   make([]byte, 0, 2*wire.MaxDatagram),
	}
}

// due returns the part that is due at now, valid until the next call. Where none is, it is nil, and at is when the next
// one will be.
func (r *rounds) due(now time.Time) (datagram []byte, at time.Time, err error) {
	if r.next == len(r.ends) {
		begins := now
		if r.seq > 0 {
			begins = r.start.Add(r.cadence)
		}
		if now.Before(begins) {
			return nil, begins, nil
		}
		r.begin(begins, now)
	}
	at = r.start.Add(r.cadence * time.Duration(r.next) / time.Duration(len(r.ends)))
	if now.Before(at) {
		return nil, at, nil
	}
	r.catchUp(at, now)
	datagram, err = r.part(now)
	r.next++
	return datagram, at, err
}

// catchUp puts what is left of the round off by as much as it is late, when it is late by more than a little. What was
// missed is then not sent in one burst, which sockets would drop.
func (r *rounds) catchUp(at, now time.Time) {
	const little = 10 * time.Millisecond
	if late := now.Sub(at); late > max(r.cadence/10, little) {
		r.start = r.start.Add(late)
	}
}

// begin settles a new round: its children, their order, and its parts.
func (r *rounds) begin(start, now time.Time) {
	r.nursery.forget(now)
	per := max(r.count/max(len(r.ends), 1), 1)
	r.seq, r.start, r.next = r.seq+1, start, 0
	r.count, r.ends = len(r.nursery.order), r.ends[:0]
	if r.count == 0 {
		r.first, r.ends = 0, append(r.ends, 0) // an empty part: the relay lives
		return
	}
	// Each round begins about one part's children earlier in the order than the round before. So a child is not always
	// in the same part with the same others, and it comes a little later each time, which no director can take for a
	// silence; the other way round it would now and then skip almost a whole round.
	r.first = ((r.first-per)%r.count + r.count) % r.count
	room := r.nursery.room
	for i := range r.count {
		c := cost(r.at(i).now.line)
		if c > room {
			r.ends = append(r.ends, i)
			room = r.nursery.room
		}
		room -= c
	}
	r.ends = append(r.ends, r.count)
}

// at is the i-th child of the round.
func (r *rounds) at(i int) *child { return r.nursery.order[(r.first+i)%r.count] }

// part makes the next part. A line that has been renewed since the round began is sent as it is now, where there is room
// for that.
func (r *rounds) part(now time.Time) ([]byte, error) {
	from, to := 0, r.ends[r.next]
	if r.next > 0 {
		from = r.ends[r.next-1]
	}
	spare := r.nursery.room
	for i := from; i < to; i++ {
		spare -= cost(r.at(i).began(r.seq).line)
	}
	r.lines, r.split = r.lines[:0], r.split[:0]
	for i := from; i < to; i++ {
		c := r.at(i)
		h := c.began(r.seq)
		if more := len(c.now.line) - len(h.line); more <= spare {
			h, spare = c.now, spare-more
		}
		before := len(r.lines)
		r.lines = wire.AppendAged(r.lines, h.line, min(now.Sub(h.at), mostAge))
		r.split = append(r.split, r.lines[before:len(r.lines):len(r.lines)])
	}
	var err error
	r.datagram, err = wire.AppendRelay(r.datagram[:0], wire.Relay{
		ID: r.id, Instance: r.instance, Seq: r.seq, Interval: r.cadence,
		Part: r.next + 1, Parts: len(r.ends), Children: r.count,
	}, r.key, r.split...)
	return r.datagram, err
}
