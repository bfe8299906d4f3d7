package checker

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mainstay-lvs/mainstay/checker/internal/agenda"
	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// watcher is a watch at work: its state and its socket. All but probe and post belongs
// to the loop.
type watcher struct {
	watch
	probe *watching
	post  post

	fd      int           // -1: there is none
	sa      unix.Sockaddr // what fd is being connected to; nil: it is connected
	token   int32         // of fd in the loop's sockets
	partial []byte        // the beginning of a line
	rest    bool          // there may be more to read: the watch is in the loop's more
	place   dialPlace
	removed bool // nobody wants it any more

	agenda.Slot // in the loop's agenda
}

// carry carries out what the watch wants done.
func (l *watchLoop) carry(w *watcher, now time.Time, fx effects) {
	for {
		if fx.hangUp {
			l.hangUp(w)
		}
		switch {
		case fx.times > 0:
			r := fx.result
			if fx.gone && w.post.mayShorten() {
				r = refused("connection refused: its program is gone")
			}
			var s standingState
			for range fx.times {
				s = w.post.reportMany(r, now)
			}
			fx = w.told(l.moment(now), s)
			continue
		case fx.ask:
			if err := l.ask(w, now); err != nil {
				fx = w.watch.ended(l.moment(now), err)
				continue
			}
		case fx.dial:
			l.dials.want(w, w.stands.verdict == Down)
		}
		break
	}
	if w.stage == following {
		l.dials.leave(w)
	}
	l.plan(w)
}

// dial begins to connect.
func (l *watchLoop) dial(w *watcher) {
	defer l.guard(w)
	now := time.Now()
	w.dialling(l.moment(now))
	fd, sa, err := newSocket(w.probe.spec.Target)
	if err != nil {
		l.carry(w, now, w.watch.ended(l.moment(now), err))
		return
	}
	w.fd, w.sa, w.token = fd, sa, noToken
	if err = beginConnect(fd, sa); err == nil || err == unix.EALREADY {
		if bad := l.sockets.add(w); bad != nil {
			err = bad
		}
	}
	l.connect(w, now, err)
}

// connect goes on with a dial whose latest attempt at connect returned err.
func (l *watchLoop) connect(w *watcher, now time.Time, err error) {
	if err == nil || err == unix.EISCONN {
		w.sa = nil
		err = refuseSelf(w.fd, w.probe.spec.Target)
	}
	switch err {
	case nil:
		l.carry(w, now, w.connected())
	case unix.EALREADY, unix.EINPROGRESS:
		l.plan(w)
	default:
		l.carry(w, now, w.watch.ended(l.moment(now), err))
	}
}

// ask sends a watch line.
func (l *watchLoop) ask(w *watcher, now time.Time) error {
	request := w.probe.asks.request
	request.Interval = w.wanted()
	line, err := appendRequest(make([]byte, 0, 192), request, w.verify != nil)
	if err != nil {
		return &localError{err.Error()}
	}
	n, err := unix.Write(w.fd, line)
	switch {
	case err == unix.EAGAIN, err == nil && n < len(line):
		return errUnread
	case err != nil:
		return err
	}
	w.sent(l.moment(now), line[:len(line)-1], request.Interval)
	return nil
}

var errUnread = errors.New("the program does not read what it is asked")

// hangUp resets the connection, or gives up the dial.
func (l *watchLoop) hangUp(w *watcher) {
	l.dials.leave(w)
	if w.fd < 0 {
		return
	}
	l.sockets.remove(w)
	unix.Close(w.fd)
	w.fd, w.sa, w.partial, w.rest = -1, nil, nil, false
}

// happened goes on with a watch after something happened to its socket.
func (l *watchLoop) happened(w *watcher, events uint32) {
	defer l.guard(w)
	if w.sa != nil {
		now := time.Now()
		l.connect(w, now, unix.Connect(w.fd, w.sa))
		return
	}
	const end = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	if events&(unix.EPOLLIN|end) != 0 && !w.rest {
		l.receive(w)
	}
	if events&end != 0 && w.fd >= 0 {
		l.comeBack(w) // the end is told once, and may stand behind what was read
	}
}

// look looks at a watch whose time has come: first at its socket.
func (l *watchLoop) look(w *watcher) {
	defer l.guard(w)
	now := time.Now()
	if w.due > l.moment(now) { // it has been put off
		l.plan(w)
		return
	}
	switch {
	case w.sa != nil:
		l.connect(w, now, unix.Connect(w.fd, w.sa))
	case w.fd >= 0:
		l.receive(w)
	}
	if w.due > l.moment(now) || w.rest {
		l.plan(w)
		return
	}
	m, planned := l.moment(time.Now()), w.lookTime()
	late := max(m-planned, l.engine.meter.pause(planned-lookSlack(w.timing.Interval), m))
	l.carry(w, now, w.watch.look(m, late))
}

// receive reads once from a watch's socket. Where there may be more, the loop comes
// back when others have had their turn.
func (l *watchLoop) receive(w *watcher) {
	now := time.Now()
	n, err := readNow(w.fd, l.buf[:])
	switch {
	case err == unix.EAGAIN:
		w.emptied(l.moment(now))
		return
	case err == unix.EINTR:
		l.comeBack(w)
		return
	case err == nil && n == 0:
		err = io.EOF
	}
	switch {
	case err != nil:
		l.carry(w, now, w.watch.ended(l.moment(now), err))
	case !l.lines(w, now, l.buf[:n]):
	case n == len(l.buf):
		l.comeBack(w)
	default:
		w.emptied(l.moment(now))
	}
}

// comeBack has a watch's socket read again soon.
func (l *watchLoop) comeBack(w *watcher) {
	if !w.rest {
		w.rest = true
		l.more = append(l.more, w)
	}
}

// readMore reads where there may be more.
func (l *watchLoop) readMore(w *watcher) {
	defer l.guard(w)
	w.rest = false
	l.receive(w)
}

// lines hands what was read to the watch, line by line. It is false when the connection
// is over.
func (l *watchLoop) lines(w *watcher, now time.Time, data []byte) bool {
	if len(w.partial) > 0 {
		l.joined = append(append(l.joined[:0], w.partial...), data...)
		data = l.joined
	}
	for {
		line, rest, err := wire.CutLine(data)
		if err != nil {
			l.carry(w, now, w.unacceptable(l.moment(now), unwatchable(err)))
			return false
		}
		if line == nil {
			break
		}
		w.halfway = false
		l.carry(w, now, w.heard(l.moment(now), line))
		if w.fd < 0 {
			return false
		}
		data = rest
	}
	w.partial, w.halfway = nil, len(data) > 0
	if w.halfway {
		w.partial = bytes.Clone(data)
	}
	return true
}

// guard ends a watch's connection over what panicked: it came from the server, and
// neither may that end the daemon nor leave the server's last health standing for ever.
func (l *watchLoop) guard(w *watcher) {
	cause := recover()
	if cause == nil {
		return
	}
	if log := l.engine.config.Logger; log != nil {
		log.Error("a watch panicked", "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
	}
	now := time.Now()
	l.carry(w, now, w.unacceptable(l.moment(now), brokeDown(cause)))
}
