package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
	"github.com/mainstay-lvs/mainstay/monitor"
)

// forger is a relay that is honest about all children but one. When that one has fallen
// silent it tries every lie that it can think of to keep it alive. It has the keys of all
// others, the relay's own among them.
type forger struct {
	listen, to string
	id         string // of the relay
	victim     string // of the child
	other      string // of another child, whose key it has
	secretFile string
	interval   time.Duration

	secret   []byte
	start    uint64
	round    uint64
	children map[string][]byte // the last line of each honest child
	recorded [][]byte          // all lines of the victim
	heard    time.Time         // its last
}

// lieEvery is from one lie to the next.
const lieEvery = 20 * time.Millisecond

// forge relays and lies until ctx ends. It prints how often it has told all its lies.
func (f *forger) forge(ctx context.Context, out io.Writer) error {
	var err error
	if f.secret, err = monitor.ReadSecretFile(f.secretFile); err != nil {
		return err
	}
	in, err := net.ListenPacket("udp", f.listen)
	if err != nil {
		return err
	}
	defer in.Close()
	to, err := net.Dial("udp", f.to)
	if err != nil {
		return err
	}
	defer to.Close()
	f.start, f.children = uint64(time.Now().UnixMilli()), make(map[string][]byte)
	fmt.Fprintln(out, "ready")
	rounds, lies := time.Now(), 0
	for b := make([]byte, wire.MaxDatagram); ctx.Err() == nil; {
		if err := in.SetReadDeadline(time.Now().Add(lieEvery)); err != nil {
			return err
		}
		n, _, err := in.ReadFrom(b)
		switch {
		case err == nil:
			f.hear(b[:n])
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		}
		if now := time.Now(); now.Sub(rounds) >= f.interval {
			rounds = now
			f.send(to, f.honest()...)
		}
		if len(f.recorded) == 0 || time.Since(f.heard) < 2*f.interval {
			continue
		}
		all := f.lies()
		lie := all[lies%len(all)]
		f.send(to, append([][]byte{lie}, f.honest()...)...) // within its own datagram, rightly signed
		_, _ = to.Write(append(bytes.Clone(lie), '\n'))     // and as if the child had sent it
		if lies++; lies%len(all) == 0 {
			fmt.Fprintf(out, "told all %d lies %d times\n", len(all), lies/len(all))
		}
	}
	return nil
}

// hear keeps a line.
func (f *forger) hear(datagram []byte) {
	line, err := wire.CutHeartbeat(datagram)
	if err != nil {
		return
	}
	h, err := wire.ParseHeartbeat(line)
	switch {
	case err != nil:
	case h.ID == f.victim:
		f.recorded, f.heard = append(f.recorded, bytes.Clone(line)), time.Now()
	default:
		f.children[h.ID] = bytes.Clone(line)
	}
}

// honest are the lines of the others, and the victim's while it lives.
func (f *forger) honest() [][]byte {
	var lines [][]byte
	for _, line := range f.children {
		lines = append(lines, wire.AppendAged(nil, line, 0))
	}
	if len(f.recorded) > 0 && time.Since(f.heard) < 2*f.interval {
		lines = append(lines, wire.AppendAged(nil, f.recorded[len(f.recorded)-1], time.Since(f.heard)))
	}
	return lines
}

// send sends a round of one part.
func (f *forger) send(to net.Conn, children ...[]byte) {
	f.round++
	r := wire.Relay{ID: f.id, Instance: f.start, Seq: f.round, Interval: f.interval, Part: 1, Parts: 1, Children: len(children)}
	if datagram, err := wire.AppendRelay(nil, r, wire.DeriveKey(f.secret, f.id), children...); err == nil {
		_, _ = to.Write(datagram)
	}
}

// lies are lines that say that the victim lives.
func (f *forger) lies() [][]byte {
	last := f.recorded[len(f.recorded)-1]
	h, err := wire.ParseHeartbeat(last)
	if err != nil {
		return nil
	}
	fresh := h
	fresh.Seq += f.round
	young := h
	young.Instance, young.Seq = uint64(time.Now().UnixMilli()), f.round
	lies := [][]byte{
		wire.AppendAged(nil, last, 0),
		wire.AppendAged(nil, f.recorded[0], 0),
		wire.AppendAged(nil, []byte(fresh.String()), 0), // with the mac of another line
	}
	for _, claim := range []wire.Heartbeat{fresh, young} {
		claim.MAC = ""
		for _, key := range [][]byte{
			wire.DeriveKey(f.secret, f.id),
			wire.DeriveKey(f.secret, f.other),
			bytes.Repeat([]byte{0}, wire.KeySize),
		} {
			if line, err := wire.SignHeartbeat([]byte(claim.String()), key); err == nil {
				lies = append(lies, wire.AppendAged(nil, line, 0))
			}
		}
		lies = append(lies, wire.AppendAged(nil, []byte(claim.String()), 0)) // unsigned
	}
	// The honest lines of others, under the victim's name.
	for id, line := range f.children {
		lies = append(lies, wire.AppendAged(nil, bytes.Replace(line, []byte("id="+id), []byte("id="+f.victim), 1), 0))
	}
	return lies
}

// play sends recorded datagrams, a line of hexadecimal each, to an address.
func play(ctx context.Context, in io.Reader, address string, from string, out io.Writer) error {
	local, err := netip.ParseAddr(from)
	if err != nil {
		return err
	}
	d := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0))}
	to, err := d.DialContext(ctx, "udp", address)
	if err != nil {
		return err
	}
	defer to.Close()
	sent := 0
	for {
		var datagram []byte
		if _, err := fmt.Fscanf(in, "%x\n", &datagram); errors.Is(err, io.EOF) {
			fmt.Fprintf(out, "played %d\n", sent)
			return nil
		} else if err != nil {
			return fmt.Errorf("datagram %d: %w", sent+1, err)
		}
		if _, err := to.Write(datagram); err != nil {
			return err
		}
		sent++
		time.Sleep(time.Millisecond) // the director is to hear them all
	}
}
