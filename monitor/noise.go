package monitor

import (
	"sync"
	"time"
)

// trouble is a kind of trouble with peers, each with a limit of its own on its log lines.
type trouble int

const (
	crowded trouble = iota // a connection had to go for another
	refused                // a line was not a request
	unheard                // a listener could not accept
)

// sparse lets a log line through each logTime and counts the others.
type sparse struct {
	mu      sync.Mutex
	next    time.Time
	skipped int
}

// allow tells whether a line may be logged now, and how many were not since the last one.
func (s *sparse) allow(now time.Time) (skipped int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Before(s.next) {
		s.skipped++
		return 0, false
	}
	skipped, s.skipped, s.next = s.skipped, 0, now.Add(logTime)
	return skipped, true
}

// complain logs a trouble that peers can cause as often as they like.
func (m *Monitor) complain(kind trouble, message string, args ...any) {
	if skipped, ok := m.noise[kind].allow(time.Now()); ok {
		m.log.Warn(message, append(args, "not_logged_before", skipped)...)
	}
}
