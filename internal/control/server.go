package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// What one client may take of the daemon. A connection serves one request.
const (
	maxConnections = 64
	maxFailovers   = 48 // at a time: they take long, and leave connections for others
	headerTimeout  = 5 * time.Second
	requestTimeout = 10 * time.Second            // header and body
	readingTime    = 10 * time.Second            // to read the answer
	writeTimeout   = answerTimeout + readingTime // from the header's end until the answer is read
	stopTimeout    = 5 * time.Second             // for requests under way when the server stops
	cutTimeout     = time.Second                 // for those that were cut then
)

// SocketServer answers on the control socket with what a Backend says.
type SocketServer struct {
	backend   Backend
	log       *slog.Logger
	failovers chan struct{} // one in it for each that is under way
}

// NewServer returns a server. The logger gets a line for each order (reload,
// override and failover) with the user id of who gave it, and errors of the serving
// itself.
func NewServer(backend Backend, log *slog.Logger) *SocketServer {
	return &SocketServer{backend: backend, log: log, failovers: make(chan struct{}, maxFailovers)}
}

// Serve answers on a listener until the context ends, then closes it, which removes
// the socket, and waits for the requests under way: 5 s, then their contexts end
// too. It returns nil after that, and an error when the listener fails or a
// request hangs even so. The listener is closed in any case.
func (s *SocketServer) Serve(ctx context.Context, l net.Listener) error {
	// Requests under way outlive ctx for a while.
	base, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	var requests gate
	var connections sync.WaitGroup
	server := &http.Server{
		Handler:                      s.handler(base, &requests),
		DisableGeneralOptionsHandler: true, // all answers are ours
		ReadHeaderTimeout:            headerTimeout,
		ReadTimeout:                  requestTimeout,
		WriteTimeout:                 writeTimeout,
		MaxHeaderBytes:               maxHeader,
		ErrorLog:                     slog.NewLogLogger(s.log.Handler(), slog.LevelError),
		ConnContext:                  withPeer,
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				connections.Add(1)
			case http.StateClosed, http.StateHijacked:
				connections.Done()
			}
		},
	}
	server.SetKeepAlivesEnabled(false)

	accepting := limit(l, maxConnections)
	served := make(chan error, 1)
	go func() { served <- server.Serve(accepting) }()
	var failed error
	select {
	case <-ctx.Done():
		accepting.Close()
		<-served
	case failed = <-served:
		accepting.Close()
		failed = fmt.Errorf("the control socket: %w", failed)
	}

	within(requests.shut(), stopTimeout)
	cut()
	server.Close()
	done := make(chan struct{})
	go func() {
		connections.Wait()
		close(done)
	}()
	if !within(done, cutTimeout) {
		return errors.Join(failed, errors.New("the control socket: a request did not end in time and was left behind"))
	}
	return failed
}

// within reports whether a channel is closed in time.
func within(done <-chan struct{}, limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}
