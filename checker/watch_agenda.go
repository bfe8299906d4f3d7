package checker

import "container/heap"

// agenda is watches by when to look at them.
type agenda []*watcher

// first returns the watch that is to be looked at first, nil if there is none.
func (a agenda) first() *watcher {
	if len(a) == 0 {
		return nil
	}
	return a[0]
}

// put enters a watch that is not there.
func (a *agenda) put(w *watcher, at moment) {
	w.at = at
	heap.Push((*soonest)(a), w)
}

// leave takes a watch out, if it is there.
func (a *agenda) leave(w *watcher) {
	if w.index >= 0 {
		heap.Remove((*soonest)(a), w.index)
	}
}

// soonest is an agenda as container/heap wants it.
type soonest []*watcher

func (s soonest) Len() int           { return len(s) }
func (s soonest) Less(i, j int) bool { return s[i].at < s[j].at }
func (s soonest) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].index, s[j].index = i, j
}

func (s *soonest) Push(x any) {
	w := x.(*watcher)
	w.index = len(*s)
	*s = append(*s, w)
}

func (s *soonest) Pop() any {
	last := len(*s) - 1
	w := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	w.index = -1
	return w
}
