package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/mainstay-lvs/mainstay/checker"
	"github.com/mainstay-lvs/mainstay/checker/heartbeat"
	"github.com/mainstay-lvs/mainstay/internal/config"
	"github.com/mainstay-lvs/mainstay/internal/control"
)

const (
	// marksFile is the state file of which heartbeats were heard last.
	marksFile = "heartbeats.json"
	// unheardGrace is how long after its start the daemon finds it worth a warning that a
	// server was never heard.
	unheardGrace = 30 * time.Second
	// marksInterval is how often it is saved: so much of what was heard could be played
	// again to a director that crashed.
	marksInterval = 5 * time.Second
)

// hears tells whether a check of the file is a heartbeat.
func hears(file *config.Config) bool {
	for range file.Heartbeats() {
		return true
	}
	return false
}

// hear opens the socket that heartbeats come to, if the file wants one and there is none
// yet.
func (d *daemon) hear(file *config.Config) error {
	if d.heartbeats != nil || !hears(file) {
		return nil
	}
	// By the text of the address "[::]" is every address of a host without IPv6 as well.
	address := d.started.HeartbeatListen
	socket, err := net.ListenPacket("udp", address.String())
	if err != nil {
		return fmt.Errorf("heartbeats: %w (director.heartbeat_listen is %s)", err, address)
	}
	d.heartbeats = socket.(*net.UDPConn)
	close(d.hearing)
	return nil
}

// serveHeartbeats takes heartbeats in, as soon as there is a socket, until the context ends.
func (d *daemon) serveHeartbeats(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-d.hearing:
	}
	return errors.Join(d.engine.ServeHeartbeats(ctx, d.heartbeats), d.heartbeats.Close())
}

// unheard says, where it is so, that nobody knows of some servers.
func (d *daemon) unheard() []string {
	select {
	case <-d.hearing:
	default:
		return nil
	}
	s := d.engine.HeartbeatStats()
	if s.Unheard == 0 || s.Now < unheardGrace {
		return nil
	}
	return []string{count(s.Unheard, "check") + " of heartbeats never heard of its server: what was known of it before stays " +
		"(see mainstay explain; is its program sending, and does the firewall let it?)"}
}

// saveMarks saves, as long as the daemon runs, which heartbeats were heard last.
func (d *daemon) saveMarks(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-d.hearing:
	}
	if d.dir == nil {
		return nil
	}
	ticker := time.NewTicker(marksInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := d.dir.Save(marksFile, d.marks()); err != nil {
			d.log.Error("the marks of heartbeats are not saved; it is tried again", "error", err)
		}
	}
}

// saveLastMarks saves them a last time, if any may have been heard.
func (d *daemon) saveLastMarks() error {
	if d.heartbeats == nil {
		return nil
	}
	return d.dir.Save(marksFile, d.marks())
}

// savedMarks are the marks of heartbeats as they are saved. A mark is about programs and
// relays, and not about this kernel or boot.
type savedMarks struct {
	heartbeat.Marks
}

func (d *daemon) marks() savedMarks { return savedMarks{d.engine.HeartbeatMarks()} }

// heartbeatStatus is what the picture says of heartbeats; nil where none are wanted.
func (d *daemon) heartbeatStatus() *control.Heartbeats {
	select {
	case <-d.hearing:
	default:
		return nil
	}
	now := time.Now()
	s := d.engine.HeartbeatStats()
	at := func(moment time.Duration) time.Time { return now.Add(moment - s.Now) }
	out := &control.Heartbeats{
		Listen: d.heartbeats.LocalAddr().String(), Received: s.Received, Lost: s.LostInSocket, Polling: s.Polling,
		Dropped: make(map[string]uint64), Relays: []control.Relay{}, Drops: []control.Drop{},
	}
	for _, v := range s.Verdicts {
		switch v.Verdict {
		case heartbeat.Accepted:
			out.Accepted = v.Count - s.Relayed
		default:
			if !v.Verdict.Dropped() {
				break
			}
			out.Dropped[v.Verdict.String()] = v.Count
			if n := len(v.Examples); n > 0 {
				e := v.Examples[n-1]
				out.Drops = append(out.Drops, control.Drop{
					Reason: v.Verdict.String(), ID: e.ID, From: e.From.String(), Relay: e.Relay, At: at(e.At),
				})
			}
		}
	}
	if s.Damaged > 0 {
		out.Dropped["damaged"] = s.Damaged
	}
	for _, r := range s.Relays {
		if !r.Heard {
			continue
		}
		out.Relays = append(out.Relays, control.Relay{
			ID: r.ID, Address: r.From.String(), Live: r.Live, Round: r.Round, Children: r.Children, At: at(r.Last),
		})
	}
	return out
}

// addNotes completes checks with what is known of them besides their last result.
func (d *daemon) addNotes(keys []checker.Key, checks []control.Check) {
	for i, key := range keys {
		if note := d.engine.HeartbeatNote(key); note != "" {
			checks[i].Notes = append(checks[i].Notes, note)
		}
	}
}
