package monitor

import "sync/atomic"

// counters are a service's numbers. They are told once one of them was ever touched: a program that doesn't count
// should not seem to serve nothing.
type counters struct {
	touched atomic.Bool
	conns   atomic.Int64
	served  atomic.Uint64
	failed  atomic.Uint64
}

// touch remembers that the program counts. The load keeps the cache line shared in the usual case.
func (c *counters) touch() {
	if !c.touched.Load() {
		c.touched.Store(true)
	}
}

// ConnOpened counts a connection that a client of the service opened.
func (s *Service) ConnOpened() {
	s.counters.conns.Add(1)
	s.counters.touch()
}

// ConnClosed takes back one ConnOpened.
func (s *Service) ConnClosed() {
	s.counters.conns.Add(-1)
	s.counters.touch()
}

// Served counts one piece of work that went well: a request, a session, a message.
func (s *Service) Served() {
	s.counters.served.Add(1)
	s.counters.touch()
}

// Failed counts one piece of work that failed by the service's own fault.
func (s *Service) Failed() {
	s.counters.failed.Add(1)
	s.counters.touch()
}
