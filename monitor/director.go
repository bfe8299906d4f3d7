package monitor

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// director is an address that datagrams are sent to.
type director struct {
	name  string // as it was given
	at    netip.AddrPort
	to    *net.UDPConn // nil: to be opened
	log   *slog.Logger
	noise sparse
}

// directors are sent the same datagrams, each by a socket of its own: so one that refuses them is seen, and what is wrong
// with one is nothing to the others.
type directors []*director

// resolveDirectors looks the names up, all at the same time, and opens no socket yet. The error begins with the option
// and names the director.
func resolveDirectors(ctx context.Context, option string, names []string, log *slog.Logger) (directors, error) {
	if len(names) > maxDirectors {
		return nil, fmt.Errorf("%s has %d addresses (at most %d wanted)", option, len(names), maxDirectors)
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	all, errs := make(directors, len(names)), make([]error, len(names))
	var looking sync.WaitGroup
	for i, name := range names {
		looking.Go(func() {
			at, err := resolve(ctx, name)
			if err != nil {
				errs[i] = fmt.Errorf("%s has %q: %w", option, name, err)
			}
			all[i] = &director{name: name, at: at, log: log}
		})
	}
	looking.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// resolve returns the address of address:port, the first one where a name has several.
func resolve(ctx context.Context, name string) (netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(name)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("it is not address:port, such as 192.0.2.11:9652 or [2001:db8::11]:9652")
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil || port == 0 {
		return netip.AddrPort{}, fmt.Errorf("the port is %q (1..65535 wanted)", service)
	}
	if host == "" {
		return netip.AddrPort{}, fmt.Errorf("the address is missing before the port")
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("look up its address (one in figures needs no look-up): %w", err)
	}
	return netip.AddrPortFrom(found[0].Unmap(), uint16(port)), nil
}

// send sends a datagram to each of them.
func (all directors) send(datagram []byte) {
	for _, d := range all {
		if err := d.send(datagram); err != nil {
			d.noise.complain(d.log, "can't tell a director", "director", d.name, "error", err)
		}
	}
}

// close closes the sockets.
func (all directors) close() {
	for _, d := range all {
		d.close()
	}
}

// send sends a datagram. The error is one of this host's, or what the network said of an earlier datagram; a socket
// that fails is opened anew for the next one, perhaps from another of the host's addresses.
func (d *director) send(datagram []byte) error {
	if d.to == nil {
		to, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(d.at))
		if err != nil {
			return err
		}
		d.to = to
	}
	err := d.write(datagram)
	if err == nil {
		return nil
	}
	// The error may be about the datagram before this one, which was then not sent.
	if d.write(datagram) != nil {
		d.close()
	}
	return err
}

func (d *director) write(datagram []byte) error {
	if err := d.to.SetWriteDeadline(time.Now().Add(sendTime)); err != nil {
		return err
	}
	_, err := d.to.Write(datagram)
	return err
}

func (d *director) close() {
	if d.to != nil {
		d.to.Close()
		d.to = nil
	}
}
