package monitor

import (
	"sync"
	"sync/atomic"
	"time"
)

// Service is one service of the program. Monitor.Service returns it; its methods may be called from any goroutine.
type Service struct {
	m        *Monitor
	name     string
	evidence evidence
	counters counters
	weight   atomic.Int32 // percent, or unsaid

	mu     sync.Mutex
	said   statement
	logged State // the state that the last answer told; guarded by Monitor.answering
}

// unsaid is the weight of a service that never set one.
const unsaid = -1

func newService(m *Monitor, name string) *Service {
	s := &Service{m: m, name: name, said: statement{state: Up}, logged: Up}
	s.evidence.changed = func() { m.room.wake(s) }
	s.weight.Store(unsaid)
	return s
}

// Name returns the name of the service.
func (s *Service) Name() string { return s.name }

// SetState says what the service is from now on, with a reason for the operator, which may be empty. Up is how a
// service begins, and is only as good as its self-checks and beats; any other state stands whatever those say.
//
// The reason is sent as printable ASCII, at most 256 bytes of it. Directors that watch the service hear of another state
// at once, of another reason with the next answer.
func (s *Service) SetState(state State, reason string) {
	s.mu.Lock()
	before := s.said.state
	s.said = statement{state, reason}
	s.mu.Unlock()
	if state != before {
		s.m.room.wake(s)
	}
}

// SetWeight asks the director for a share of the service's configured weight, in percent; what is under 0 or over 100 is
// taken as 0 or 100. With 0 the service gets nothing new. A service that never set it gets 100. Directors that watch the
// service hear of another weight at once.
func (s *Service) SetWeight(percent int) {
	weight := int32(min(max(percent, 0), 100))
	if s.weight.Swap(weight) != weight {
		s.m.room.wake(s)
	}
}

// Check adds a self-check that counts for this service only; see Monitor.Check.
func (s *Service) Check(name string, f CheckFunc, options ...CheckOption) {
	s.m.addCheck(&s.evidence, name, f, options)
}

// Beat adds a worker that counts for this service only; see Monitor.Beat.
func (s *Service) Beat(name string, limit time.Duration) *Beat {
	return s.evidence.addBeat(s.m.epoch, name, limit)
}

// statement returns what the program said last.
func (s *Service) statement() statement {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said
}
