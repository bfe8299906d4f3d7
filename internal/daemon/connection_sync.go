package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/config"
	"github.com/mainstay-lvs/mainstay/ipvs/kernel"
)

const (
	// syncOverlap is how long a new master still listens, and a former one still tells:
	// the kernel sends what it has gathered each 2 s.
	syncOverlap = 3 * time.Second
	// syncRetry is how long after a failure it is tried again.
	syncRetry = 5 * time.Second
	// syncAudit is how often the kernel is asked whether it still does what it was told.
	syncAudit = 30 * time.Second
)

// syncWish is what the kernel's sync daemon should do.
type syncWish struct {
	config.ConnectionSync
	master bool      // the router holds the addresses
	since  time.Time // it came to, or lost, them
}

// syncTable is what the sync daemon is told by; a [kernel.Conn] in real life.
type syncTable interface {
	SyncDaemons() ([]kernel.SyncDaemon, error)
	StartSyncDaemon(kernel.SyncDaemon) error
	StopSyncDaemon(kernel.SyncRole) error
}

// syncSteps says what is to be done now so that the kernel does as wished, and when to look
// again; zero: not before the wish changes. Running is what the kernel does at this moment. A new
// master tells at once and listens for a while longer; a former one listens once it has told all.
func syncSteps(now time.Time, wish syncWish, running []kernel.SyncDaemon) (start []kernel.SyncDaemon, stop []kernel.SyncRole, again time.Time) {
	end := wish.since.Add(syncOverlap)
	over := !now.Before(end)
	wanted, other := kernel.SyncDaemon{Role: kernel.SyncBackup, Interface: wish.Interface, ID: wish.ID}, kernel.SyncMaster
	if wish.master {
		wanted.Role, other = kernel.SyncMaster, kernel.SyncBackup
	}
	has, hasOther, wrong := false, false, false
	for _, d := range running {
		switch {
		case d == wanted:
			has = true
		case d.Role == wanted.Role:
			wrong = true
		default:
			hasOther = true
		}
	}
	if hasOther && over {
		stop = append(stop, other)
	}
	if wrong {
		stop = append(stop, wanted.Role)
	}
	// A former master listens once it has told all.
	if !has && (wish.master || !hasOther || over) {
		start = append(start, wanted)
	}
	if hasOther && !over {
		again = end
	}
	return start, stop, again
}

// connectionSync has the kernel's connection sync daemon follow a router. What it is
// wished to do it does in a goroutine of its own; the last wish counts.
type connectionSync struct {
	table syncTable // nil where there is no IPVS
	log   *slog.Logger
	wish  chan *syncWish // holds one; nil: nothing is to run any more
	last  *syncWish      // of the loop
}

// newConnectionSync returns one that does nothing yet.
func newConnectionSync(t table, log *slog.Logger) *connectionSync {
	c := &connectionSync{log: log, wish: make(chan *syncWish, 1)}
	c.table, _ = t.(syncTable)
	return c
}

// follow says what the sync daemon should do.
func (c *connectionSync) follow(w syncWish) {
	if c.last != nil && c.last.ConnectionSync == w.ConnectionSync && c.last.master == w.master {
		return
	}
	c.set(&w)
}

// listen has the kernel listen, whatever else it does, at the end of the daemon: what a former
// master still holds back it tells, and a next daemon finds both threads and ends the one that
// is too much.
func (c *connectionSync) listen() error {
	if c.table == nil || c.last == nil {
		return nil
	}
	return c.table.StartSyncDaemon(kernel.SyncDaemon{Role: kernel.SyncBackup, Interface: c.last.Interface, ID: c.last.ID})
}

// forget says that it should do nothing more.
func (c *connectionSync) forget() {
	if c.last != nil {
		c.set(nil)
	}
}

func (c *connectionSync) set(w *syncWish) {
	c.last = w
	select {
	case <-c.wish:
	default:
	}
	c.wish <- w
}

// Run does what it is wished to, until the context ends. The kernel's threads go on then:
// a director that is stopped goes on listening.
func (c *connectionSync) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var wish, before *syncWish
	said := "" // of what is wrong
	for {
		select {
		case <-ctx.Done():
			return nil
		case w := <-c.wish:
			before, wish = wish, w
		case <-timer.C:
		}
		next, err := c.work(time.Now(), wish, before)
		switch {
		case err != nil:
			if err.Error() != said {
				c.log.Error("connection sync is not as it should be; it is tried again", "error", err)
			}
			said, next = err.Error(), time.Now().Add(syncRetry)
		case next.IsZero():
			said, before, next = "", nil, time.Now().Add(syncAudit)
		default:
			said, before = "", nil
		}
		timer.Reset(time.Until(next))
	}
}

// work does what is to be done now. Before is a wish that has ended.
func (c *connectionSync) work(now time.Time, wish, before *syncWish) (next time.Time, err error) {
	switch {
	case wish == nil && before == nil:
		return next, nil
	case c.table == nil:
		return next, fmt.Errorf("%w", kernel.ErrNoIPVS)
	}
	running, err := c.table.SyncDaemons()
	if err != nil {
		return next, err
	}
	if wish == nil {
		for _, d := range running {
			if d.Interface == before.Interface && d.ID == before.ID {
				if err := c.table.StopSyncDaemon(d.Role); err != nil {
					return next, err
				}
			}
		}
		return next, nil
	}
	start, stop, again := syncSteps(now, *wish, running)
	for _, role := range stop {
		if err := c.table.StopSyncDaemon(role); err != nil {
			return next, err
		}
	}
	for _, d := range start {
		if err := c.table.StartSyncDaemon(d); err != nil {
			return next, err
		}
		c.log.Info("connection sync: "+map[bool]string{true: "telling the others", false: "listening"}[wish.master], "interface", d.Interface, "id", d.ID)
	}
	return again, nil
}
