package checker

const (
	// maxDials bounds the dials in progress at a time, up to the first answer.
	maxDials = 2048
	// maxIdleDials bounds those among them of servers that are down: they must not hold
	// up the others, and a rack that returns is no stampede.
	maxIdleDials = 512
)

// dialQueue is the watches that want to dial, and those that do.
type dialQueue struct {
	eager, idle line
	busy        int // dials in progress
	busyIdle    int // of these, of servers that were down
}

// dialPlace is a watch's place in the queue.
type dialPlace uint8

const (
	nowhere dialPlace = iota
	waiting
	waitingIdle
	dialling
	diallingIdle
)

// want lets a watch dial as soon as there is room. A server that is down is patient.
func (q *dialQueue) want(w *watcher, down bool) {
	if down {
		w.place = waitingIdle
		q.idle.put(w)
		return
	}
	w.place = waiting
	q.eager.put(w)
}

// open tells whether next has something to give.
func (q *dialQueue) open() bool { return q.eagerOpen() || q.idleOpen() }

func (q *dialQueue) eagerOpen() bool { return q.busy < maxDials && !q.eager.empty() }

func (q *dialQueue) idleOpen() bool {
	return q.busy < maxDials && q.busyIdle < maxIdleDials && !q.idle.empty()
}

// next returns a watch that dials now; nil: there is none, or no room.
func (q *dialQueue) next() *watcher {
	for q.eagerOpen() {
		if w := q.eager.take(); w.place == waiting {
			q.busy++
			w.place = dialling
			return w
		}
	}
	for q.idleOpen() {
		if w := q.idle.take(); w.place == waitingIdle {
			q.busy++
			q.busyIdle++
			w.place = diallingIdle
			return w
		}
	}
	return nil
}

// leave says that a watch neither dials nor wants to any more.
func (q *dialQueue) leave(w *watcher) {
	switch w.place {
	case diallingIdle:
		q.busyIdle--
		q.busy--
	case dialling:
		q.busy--
	}
	w.place = nowhere
}

// line is watches in the order in which they came.
type line struct {
	all  []*watcher
	head int
}

func (l *line) empty() bool { return l.head == len(l.all) }

func (l *line) put(w *watcher) { l.all = append(l.all, w) }

func (l *line) take() *watcher {
	w := l.all[l.head]
	l.all[l.head] = nil
	l.head++
	if l.head == len(l.all) {
		l.all, l.head = nil, 0
	}
	return w
}
