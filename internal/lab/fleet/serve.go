package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mainstay-lvs/mainstay/internal/wire"
	"github.com/mainstay-lvs/mainstay/monitor"
)

const (
	// service is what directors ask a server of a fleet for.
	service = "fleet"
	// monitorPort and servicePort are the ports of each server; nobody listens at the second.
	monitorPort = 9651
	servicePort = 7000
)

// fleet is real servers that do nothing but say that they are well.
type fleet struct {
	network     netip.Addr
	from, count int
	secretFile  string
	to          []string
	interval    time.Duration
}

// address is that of a server, by its number.
func (f *fleet) address(number int) netip.Addr {
	a := f.network.As4()
	a[2], a[3] = byte(number/250), byte(number%250+1)
	return netip.AddrFrom4(a)
}

// serve is the servers, until ctx ends.
func (f *fleet) serve(ctx context.Context, out io.Writer) error {
	const most = 250 * 256
	if !f.network.Is4() || f.from < 0 || f.count < 1 || f.from+f.count > most {
		return fmt.Errorf("%d servers from number %d of %s on: at most %d of an IPv4 network", f.count, f.from, f.network, most)
	}
	var secret []byte
	if f.secretFile != "" {
		var err error
		if secret, err = monitor.ReadSecretFile(f.secretFile); err != nil {
			return err
		}
	}
	var servers errgroup.Group
	for i := range f.count {
		// Programs that were started one after the other are not in step.
		if err := f.one(ctx, &servers, f.from+i, secret); err != nil {
			return err
		}
		if len(f.to) > 0 {
			time.Sleep(f.interval / time.Duration(f.count))
		}
	}
	fmt.Fprintf(out, "ready %d\n", f.count)
	return servers.Wait()
}

// one starts one server.
func (f *fleet) one(ctx context.Context, servers *errgroup.Group, number int, secret []byte) error {
	address := f.address(number)
	m, err := monitor.New(monitor.Options{Services: []string{service}, Secret: secret, Leave: -1})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", netip.AddrPortFrom(address, monitorPort).String())
	if err != nil {
		return err
	}
	servers.Go(func() error { return m.Serve(ctx, l) })
	if len(f.to) == 0 {
		return nil
	}
	o := monitor.HeartbeatOptions{
		Service: service, ID: netip.AddrPortFrom(address, servicePort).String(), Interval: f.interval, To: f.to,
	}
	if secret != nil {
		o.Key = wire.DeriveKey(secret, o.ID)
	}
	servers.Go(func() error { return m.Heartbeat(ctx, o) })
	return nil
}
