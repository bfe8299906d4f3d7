package checker

import (
	"sync"
	"time"

	"github.com/mainstay-lvs/mainstay/checker/internal/agenda"
)

// watchLoop does the work of all watches of an engine in one goroutine, which runs from
// the first watch to the end of the engine. Thousands of them answer each second, and
// each answer is to cost little more than one read.
type watchLoop struct {
	engine *Engine
	keys   keyring // the map is guarded by Engine.setting; what it holds belongs to the goroutine

	mu      sync.Mutex // guards all in this group
	orders  []watchOrder
	running bool
	over    bool
	asleep  *poller // to be interrupted; nil: there is none
	wake    chan struct{}
	done    chan struct{}

	// What follows belongs to the goroutine.
	sockets *socketTable
	agenda  agenda.Agenda[*watcher] // by when to look at them
	dials   dialQueue
	more    []*watcher // there may be more to read
	buf     [16 << 10]byte
	joined  []byte // a partial line and what was read behind it
}

// watchOrder begins or ends a watch.
type watchOrder struct {
	w   *watcher
	end bool
}

func newWatchLoop(e *Engine) *watchLoop {
	return &watchLoop{engine: e, keys: make(keyring), wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// add begins a watch.
func (l *watchLoop) add(p *watching, to post) *watcher {
	w := &watcher{watch: p.newWatch(to.check.key, l.keys), probe: p, post: to, fd: -1}
	l.order(watchOrder{w: w})
	return w
}

// remove ends a watch.
func (l *watchLoop) remove(w *watcher) { l.order(watchOrder{w: w, end: true}) }

func (l *watchLoop) order(o watchOrder) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return
	}
	l.orders = append(l.orders, o)
	if !l.running {
		l.running = true
		go l.run()
	}
	if len(l.orders) == 1 {
		l.interrupt()
	}
}

// interrupt wakes the goroutine; the caller holds mu.
func (l *watchLoop) interrupt() {
	if l.asleep != nil {
		l.asleep.interrupt()
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// stop ends the loop and waits for it. What it reports after the engine's end has no
// effect.
func (l *watchLoop) stop() {
	l.mu.Lock()
	l.over = true
	running := l.running
	l.interrupt()
	l.mu.Unlock()
	if running {
		<-l.done
	}
}

// moment is a time as the engine counts.
func (l *watchLoop) moment(t time.Time) moment { return t.Sub(l.engine.epoch) }

// run does the work.
func (l *watchLoop) run() {
	defer close(l.done)
	if !l.open() {
		return
	}
	defer l.close()
	for l.takeOrders() {
		l.goOn()
		l.engine.outbox.signal()
		events, err := l.sockets.wait(l.until())
		if err != nil {
			l.standStill(err) // that has no cause that is known
		}
		for _, event := range events {
			if w := l.sockets.of(event); w != nil {
				l.happened(w, event.Events)
			}
		}
	}
}

// open gets the loop its descriptors, and tries again until there are some. It is false
// if the engine ends before.
func (l *watchLoop) open() bool {
	for {
		p, err := newPoller()
		if err == nil {
			l.mu.Lock()
			l.asleep = p
			l.mu.Unlock()
			l.sockets = &socketTable{poller: p}
			return true
		}
		if !l.takeOrders() {
			return false
		}
		for w := range l.agenda.All() {
			w.post.report(trouble(err, connecting, w.timing.Timeout), time.Now())
		}
		l.standStill(nil)
	}
}

// standStill lets a second pass, or what is to be heeded sooner come.
func (l *watchLoop) standStill(cause error) {
	if log := l.engine.config.Logger; log != nil && cause != nil {
		log.Error("watches stand still for a second", "error", cause)
	}
	pause := time.NewTimer(time.Second)
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-l.wake:
	}
}

// close closes all that is open.
func (l *watchLoop) close() {
	for _, w := range l.sockets.owners {
		if w != nil {
			l.hangUp(w)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asleep = nil
	l.sockets.close()
}

// takeOrders begins and ends watches. It is false when the loop is over.
func (l *watchLoop) takeOrders() bool {
	l.mu.Lock()
	orders, over := l.orders, l.over
	l.orders = nil
	l.mu.Unlock()
	for _, o := range orders {
		w := o.w
		if !o.end {
			w.begin(l.engine.now(), spread(w.post.check.key, w.timing.Interval))
			l.plan(w)
			continue
		}
		w.removed = true
		l.agenda.Leave(w)
		if w.fd >= 0 || w.place != nowhere {
			l.hangUp(w)
		}
	}
	return !over
}

// atATime bounds what the loop does of one sort before it looks at the sockets again.
const atATime = 256

// goOn does what is due.
func (l *watchLoop) goOn() {
	now := l.engine.now()
	for range atATime {
		w := l.agenda.First()
		if w == nil || w.At > now {
			break
		}
		l.agenda.Leave(w)
		l.look(w)
	}
	more := l.more
	l.more = nil
	for _, w := range more {
		if w.rest {
			l.readMore(w)
		}
	}
	for range atATime {
		w := l.dials.next()
		if w == nil {
			break
		}
		l.dial(w)
	}
}

// until is how long nothing is to be done unless something happens; the zero time:
// something is.
func (l *watchLoop) until() time.Time {
	if len(l.more) > 0 || l.dials.open() {
		return time.Time{}
	}
	if w := l.agenda.First(); w != nil {
		return l.engine.epoch.Add(w.At)
	}
	return l.engine.epoch.Add(never)
}

// plan enters a watch in the agenda. One that is there already for a sooner moment
// stays there, and is planned anew then: most watches are put off with each answer.
func (l *watchLoop) plan(w *watcher) {
	if w.due == never || w.removed {
		return
	}
	at := w.lookTime()
	if w.Planned() && w.At <= at {
		return
	}
	l.agenda.Put(w, at)
}

// lookTime is when a watch that is due is looked at: together with others, for to wake up
// costs more than to look. Silence may last a tick longer, which is a hundredth of it at
// most, a dial begins or ends a quarter of a tick late, and only who may just be dying is
// looked at soon.
func (w *watcher) lookTime() moment {
	grain := max(tick(w.timing.Interval), 4)
	switch {
	case w.redial.dying > 0:
		return w.due
	case w.stage != following:
		grain /= 4
	}
	return (w.due + grain - 1) / grain * grain
}
