package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/mainstay-lvs/mainstay/monitor"
)

// serverOptions are the flags of the server.
type serverOptions struct {
	listen     string
	monitor    string
	name       string
	service    string
	workers    int
	secretFile string
	stuckAfter time.Duration
	leave      time.Duration
	grace      time.Duration

	heartbeatTo, heartbeatID, heartbeatKeyFile string
	heartbeatEvery                             time.Duration
}

// heartbeat is what the flags say of heartbeats; ok is false where none are wanted.
func (o serverOptions) heartbeat() (h monitor.HeartbeatOptions, ok bool, err error) {
	if o.heartbeatTo == "" {
		return h, false, nil
	}
	h = monitor.HeartbeatOptions{
		Service: o.service, ID: o.heartbeatID, Interval: o.heartbeatEvery, To: strings.Split(o.heartbeatTo, ","),
	}
	if o.heartbeatID == "" {
		return h, false, errors.New("-heartbeat-to needs -heartbeat-id: the name under which directors know this server")
	}
	if o.heartbeatKeyFile != "" {
		h.Key, err = monitor.ReadKeyFile(o.heartbeatKeyFile)
	}
	return h, true, err
}

// serve is the server's life: it listens, serves until SIGTERM, SIGINT or the end of ctx, and leaves in good order.
func serve(ctx context.Context, o serverOptions, stdout, stderr io.Writer) error {
	if o.workers < 1 {
		return fmt.Errorf("-workers is %d (at least 1 wanted)", o.workers)
	}
	// Signals are caught before anybody is told that the server is there.
	ctx, ignoreSignals := signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
	defer ignoreSignals()
	sticking := make(chan os.Signal, 8)
	signal.Notify(sticking, syscall.SIGUSR1, syscall.SIGUSR2)
	defer signal.Stop(sticking)

	var secret []byte
	if o.secretFile != "" {
		var err error
		if secret, err = monitor.ReadSecretFile(o.secretFile); err != nil {
			return err
		}
	}
	heartbeat, beats, err := o.heartbeat()
	if err != nil {
		return err
	}
	leave := o.leave
	if leave == 0 {
		leave = -1 // what 0 means here; to the monitor it means its default
	}
	m, err := monitor.New(monitor.Options{
		Services: []string{o.service}, Secret: secret, Leave: leave,
		Logger: slog.New(slog.NewTextHandler(stderr, nil)),
	})
	if err != nil {
		return err
	}
	clients, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("listen for clients: %w", err)
	}
	defer clients.Close()
	directors, err := net.Listen("tcp", o.monitor)
	if err != nil {
		return fmt.Errorf("listen for directors: %w", err)
	}
	p := newPool(o.name, o.workers)
	s := newServer(clients, p, m.Service(o.service))
	m.Check("connections", s.full)

	working, endWork := context.WithCancel(context.WithoutCancel(ctx))
	defer endWork()
	worked, served, monitored := make(chan struct{}), make(chan error, 1), make(chan struct{})
	go func() { p.run(working, m.Service(o.service), o.stuckAfter); close(worked) }()
	go func() { served <- s.run(working) }()
	go func() {
		defer close(monitored)
		_ = m.Serve(working, directors) // Close tells its error
	}()
	beating := make(chan error, 1)
	if beats {
		go func() { beating <- m.Heartbeat(working, heartbeat) }() // until m is closed
	}
	fmt.Fprintf(stdout, "listening address=%s monitor=%s\n", clients.Addr(), directors.Addr())

	var broken error
	for waiting := true; waiting; {
		select {
		case <-ctx.Done():
			waiting = false
		case <-monitored:
			waiting = false
		case broken = <-served:
			served <- nil // for the end, below
			waiting = false
		case broken = <-beating:
			beating <- nil
			waiting = false
		case sig := <-sticking:
			if sig == syscall.SIGUSR1 {
				p.stick(0)
			} else {
				p.unstick()
			}
		}
	}

	// Directors are told first and take the server out; then no new clients, and those who wait get their answers.
	err = errors.Join(broken, m.Close())
	<-monitored
	if beats {
		err = errors.Join(err, <-beating)
	}
	s.stop()
	patience := time.NewTimer(o.grace)
	defer patience.Stop()
	select {
	case e := <-served:
		err = errors.Join(err, e)
	case <-patience.C:
		err = errors.Join(err, fmt.Errorf("gave up on open requests after %s: %d", o.grace, p.open.Load()))
		endWork()
		<-served
	}
	endWork()
	<-worked
	return err
}
