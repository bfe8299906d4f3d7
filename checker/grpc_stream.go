package checker

import (
	"context"
)

// healthStream is one call of Watch.
type healthStream struct {
	link    *grpcLink
	changes chan Result // the latest status that nobody took
	ended   chan error  // gets one value, io.EOF where the server ended the call without an error
}

// watch calls Watch over a link. The end of the link ends it.
func (p health) watch(l *grpcLink) *healthStream {
	s := &healthStream{link: l, changes: make(chan Result, 1), ended: make(chan error, 1)}
	go func() { s.ended <- s.receive(p) }()
	return s
}

// receive takes what the server says until it says no more.
func (s *healthStream) receive(p health) error {
	stream, err := s.link.client.Watch(context.Background(), p.request())
	if err != nil {
		return err
	}
	for {
		answer, err := stream.Recv()
		if err != nil {
			return err
		}
		select {
		case <-s.changes: // nobody took it, and it is the past
		default:
		}
		s.changes <- p.meaning(answer.GetStatus())
	}
}
