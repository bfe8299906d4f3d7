package monitor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// RelayOptions says who a relay is and whom it tells.
type RelayOptions struct {
	// ID names the relay to the directors, 1..128 bytes of printable ASCII.
	ID string
	// Key signs the relay's datagrams: 32 bytes, which mainstay secret derive makes of the directors' secret and the ID;
	// see ReadKeyFile. Nil: they are not signed.
	Key []byte
	// Cadence is the time from one round of the relay's whole state to the next, whole milliseconds, 10ms..1h; default 1s.
	Cadence time.Duration
	// Directors are told, 1..64 of them, each address:port; the usual port is 9652. A name is looked up once, when the relay
	// begins to serve.
	Directors []string
	// Logger hears of troubles, at a limited rate. Nil: nobody hears.
	Logger *slog.Logger
}

// Relay gathers the heartbeats of others and passes them on to directors. It has no sender's key: it keeps what has the
// form of a heartbeat, changes nothing of it but the age that it adds, and leaves it to the directors to judge the macs.
// Its methods may be called from any goroutine.
//
// Each cadence it sends all that it has: as much work when every child changes as when none does. It keeps 16384 lines at
// most, of at most 4 addresses for each sender and service, so that what a forger sends from elsewhere does not displace
// the true line, and forgets a child that says nothing for 5 minutes. A forger who can send from a child's own address,
// and does so all the time, can keep that child's lines from this relay.
type Relay struct {
	options RelayOptions
	noise   noise

	mu      sync.Mutex
	serving bool
	rounds  rounds
	stats   RelayStats
	dropped [drops]uint64
}

// RelayStats are a relay's numbers since it was made.
type RelayStats struct {
	// Children is the number of senders and services that it has a line of now.
	Children int
	// Lines is the number of those lines, which are more where several addresses send for one child.
	Lines int
	// Received is the number of datagrams that came, and of lines from within the program.
	Received uint64
	// Dropped counts those of them that were not kept, by reason: too-long, malformed, not-heartbeat, version, from-relay,
	// aged (it has been through a relay), unfit (it leaves no room for an age), old, too-many-sources, full. All reasons
	// are there.
	Dropped map[string]uint64
	// Rounds is the number of rounds that it has begun to send.
	Rounds uint64
	// Sent is the number of datagrams that it has made, each of which goes to every director.
	Sent uint64
}

// NewRelay makes a relay. It starts nothing: see Serve. The error names the option that is wrong.
func NewRelay(o RelayOptions) (*Relay, error) {
	if o.Cadence == 0 {
		o.Cadence = defaultCadence
	}
	o.Key = bytes.Clone(o.Key)
	if err := checkSender("RelayOptions", o.ID, o.Key); err != nil {
		return nil, fmt.Errorf("monitor: %w", err)
	}
	if err := checkInterval("RelayOptions.Cadence", o.Cadence); err != nil {
		return nil, fmt.Errorf("monitor: %w", err)
	}
	if len(o.Directors) == 0 {
		return nil, errors.New("monitor: RelayOptions.Directors is empty: name the directors that are to hear")
	}
	return &Relay{options: o, noise: newNoise(o.Logger), rounds: newRounds(o, newInstance())}, nil
}

// ListenAndServe listens on a UDP address such as ":9652" and calls Serve.
func (r *Relay) ListenAndServe(ctx context.Context, address string) error {
	var config net.ListenConfig
	c, err := config.ListenPacket(ctx, "udp", address)
	if err != nil {
		return fmt.Errorf("monitor: %w", err)
	}
	return r.Serve(ctx, c)
}

// Serve receives heartbeats on c and tells the directors until ctx ends, and then returns nil. It owns c and has closed it
// when it returns, whatever it returns. The directors are told from sockets of their own.
//
// The error says that the relay serves already, which director's name can't be looked up, or that c ended of itself.
func (r *Relay) Serve(ctx context.Context, c net.PacketConn) error {
	defer c.Close()
	if !r.begin() {
		return errors.New("monitor: the relay serves already, on another socket")
	}
	defer r.end()
	to, err := resolveDirectors(ctx, "RelayOptions.Directors", r.options.Directors, r.noise.log)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("monitor: %w", err)
	}
	run, cancel := context.WithCancel(ctx)
	defer cancel()
	var sending sync.WaitGroup
	sending.Go(func() { r.send(run, to) })
	defer sending.Wait()
	defer cancel()
	unblock := context.AfterFunc(run, func() { c.Close() })
	defer unblock()
	return r.receive(run, c)
}

func (r *Relay) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.serving {
		return false
	}
	r.serving = true
	return true
}

func (r *Relay) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.serving = false
}

// Stats returns the relay's numbers.
func (r *Relay) Stats() RelayStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	s.Children, s.Lines = len(r.rounds.nursery.children), len(r.rounds.nursery.order)
	s.Rounds = r.rounds.seq
	s.Dropped = make(map[string]uint64, drops)
	for why := kept + 1; why < drops; why++ {
		s.Dropped[dropNames[why]] = r.dropped[why]
	}
	return s
}

// receive keeps what comes until run ends. It returns an error only if the socket ends before.
func (r *Relay) receive(run context.Context, c net.PacketConn) error {
	if b, ok := c.(interface{ SetReadBuffer(int) error }); ok {
		_ = b.SetReadBuffer(relayBuffer) // the system gives what it allows
	}
	var again retry
	buf := make([]byte, wire.MaxDatagram+1) // the byte more tells a datagram that is too long
	for {
		n, from, err := readFrom(c, buf)
		switch {
		case run.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("monitor: the relay's socket on %s was closed by somebody else: %w", c.LocalAddr(), err)
		case err != nil:
			r.noise.complain(unheard, "relay can't receive", "socket", c.LocalAddr(), "error", err)
			again.wait(run)
			continue
		}
		again = retry{}
		r.keep(buf[:n], from)
	}
}

// readFrom reads a datagram and where it came from, for UDP without an allocation. An address that is none of IP is the
// zero one.
func readFrom(c net.PacketConn, buf []byte) (int, netip.Addr, error) {
	if u, ok := c.(interface {
		ReadFromUDPAddrPort([]byte) (int, netip.AddrPort, error)
	}); ok {
		n, from, err := u.ReadFromUDPAddrPort(buf)
		return n, from.Addr().Unmap(), err
	}
	n, from, err := c.ReadFrom(buf)
	if err != nil {
		return n, netip.Addr{}, err
	}
	at, err := netip.ParseAddrPort(from.String())
	if err != nil {
		return n, netip.Addr{}, nil
	}
	return n, at.Addr().Unmap(), nil
}

// hear keeps a line, without its end, from within the program. It counts as one from an address of its own.
func (r *Relay) hear(line []byte) {
	r.keep(append(line[:len(line):len(line)], '\n'), netip.Addr{})
}

// keep keeps a datagram, or counts why not.
func (r *Relay) keep(datagram []byte, from netip.Addr) {
	r.mu.Lock()
	why := r.rounds.nursery.hear(datagram, from, time.Now(), r.rounds.seq)
	r.stats.Received++
	r.dropped[why]++
	r.mu.Unlock()
	switch why {
	case kept, dropOld: // as it should be, or a datagram that came twice
	case dropRelay:
		r.noise.complain(nested, "relay was sent a relay's datagram: relays tell directors only", "from", from)
	case dropSources, dropFull:
		r.noise.complain(full, "relay has no place for a child's line", "from", from, "why", dropNames[why])
	default:
		r.noise.complain(unfit, "relay was sent what it can't pass on", "from", from, "why", dropNames[why])
	}
}

// send tells the directors, part by part, until run ends.
func (r *Relay) send(run context.Context, to directors) {
	defer to.close()
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-run.Done():
			return
		case <-next.C:
		}
		for run.Err() == nil {
			datagram, at, err := r.due()
			if err != nil {
				r.noise.complain(unsent, "relay's datagram can't be put together", "error", err)
				continue
			}
			if datagram == nil {
				next.Reset(time.Until(at))
				break
			}
			to.send(datagram)
		}
	}
}

// due returns the part that is due now, or nil and when the next one will be.
func (r *Relay) due() (datagram []byte, at time.Time, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	datagram, at, err = r.rounds.due(time.Now())
	if datagram != nil && err == nil {
		r.stats.Sent++
	}
	return datagram, at, err
}
