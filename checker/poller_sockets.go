package checker

import "golang.org/x/sys/unix"

// socketTable is a poller, and whose each socket is.
type socketTable struct {
	*poller
	owners []*watcher // by their tokens
	turns  []int32    // of the tokens: an event of a socket that was closed is told by it
	free   []int32
}

// add takes a watcher's socket in.
func (t *socketTable) add(w *watcher) error {
	if last := len(t.free) - 1; last >= 0 {
		w.token, t.free = t.free[last], t.free[:last]
	} else {
		w.token = int32(len(t.owners))
		t.owners, t.turns = append(t.owners, nil), append(t.turns, 0)
	}
	t.owners[w.token] = w
	t.turns[w.token]++
	err := t.watch(w.fd, w.token, t.turns[w.token])
	if err == unix.ENOSPC {
		return &localError{"this host watches no more sockets: raise the sysctl fs.epoll.max_user_watches"}
	}
	return err
}

// noToken is the token of a socket that is not in the table.
const noToken = -1

// remove takes a watcher's socket out, which is closed then.
func (t *socketTable) remove(w *watcher) {
	if w.token == noToken {
		return
	}
	t.owners[w.token] = nil
	t.free = append(t.free, w.token)
}

// of is the watcher that an event is of; nil: it has another socket now, or none.
func (t *socketTable) of(event unix.EpollEvent) *watcher {
	if t.turns[event.Fd] != event.Pad {
		return nil
	}
	return t.owners[event.Fd]
}
