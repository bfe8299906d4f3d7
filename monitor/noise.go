package monitor

import (
	"log/slog"
	"sync"
	"time"
)

// trouble is a kind of trouble with peers, each with a limit of its own on its log lines.
type trouble int

const (
	crowded  trouble = iota // a connection had to go for another
	refused                 // a line was not a request
	unheard                 // a listener could not accept, or a socket not be read
	nested                  // a relay was sent another relay's datagram
	full                    // a relay has no place for a child's line
	unfit                   // a relay was sent something else that it doesn't keep
	unsent                  // a line could not be put together
	troubles                // how many kinds there are
)

// noise logs troubles that peers can cause as often as they like.
type noise struct {
	log    *slog.Logger
	limits [troubles]sparse
}

// newNoise makes a noise that goes to log; nil: nobody hears it.
func newNoise(log *slog.Logger) noise {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return noise{log: log}
}

// complain logs a trouble, unless one of its kind was logged just now.
func (n *noise) complain(kind trouble, message string, args ...any) {
	n.limits[kind].complain(n.log, message, args...)
}

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

// complain logs a trouble, unless the limit is against it.
func (s *sparse) complain(log *slog.Logger, message string, args ...any) {
	if skipped, ok := s.allow(time.Now()); ok {
		log.Warn(message, append(args, "not_logged_before", skipped)...)
	}
}
