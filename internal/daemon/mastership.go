package daemon

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"slices"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/config"
	"github.com/mainstay-lvs/mainstay/internal/mastership"
	"github.com/mainstay-lvs/mainstay/internal/state"
)

// mastershipFile is the state file of [savedMastership].
const mastershipFile = "mastership.json"

// mastershipLock is the file in the state folder that the mastership process locks. The
// daemon's own lock ends with the daemon; the process may outlive it.
const mastershipLock = "mastership.lock"

// savedMastership is what outlives a restart of what concerns virtual routers.
type savedMastership struct {
	addresses
	// Running: a daemon has, or had, a mastership process, and did not end in good order.
	Running bool `json:"running"`
	// StandingBy are routers that an operator has stand by.
	StandingBy []string `json:"standing_by,omitempty"`
}

// keep forgets that routers stand by which are in the file no more.
func (s *savedMastership) keep(routers []config.VirtualRouter) {
	s.StandingBy = slices.DeleteFunc(slices.Clone(s.StandingBy), func(name string) bool {
		return !slices.ContainsFunc(routers, func(r config.VirtualRouter) bool { return r.Name == name })
	})
}

func (s savedMastership) save(dir *state.Dir) error {
	if dir == nil {
		return nil
	}
	return dir.Save(mastershipFile, s)
}

// openMastership readies the supervisor of the mastership process, and what must be known
// before it starts: which addresses are ours.
func (d *daemon) openMastership(file *config.Config, s savedMastership) error {
	d.routers.saved = s
	if d.dir == nil {
		return nil
	}
	here := s.Kernel == d.kernel
	d.supervisor = mastership.NewSupervisor(mastership.Options{
		Lock:    filepath.Join(d.dir.Path(), mastershipLock),
		Unclean: s.Running && here,
		Logger:  d.log,
		News:    d.news,
	})
	if len(file.Routers) == 0 && len(s.Ours) == 0 {
		return nil
	}
	ours, foreign, err := s.claim(d.kernel, file.Routers, onInterface)
	if err != nil {
		return err
	}
	d.routers.saved.addresses, d.routers.foreign = ours, foreign
	d.routers.saved.keep(file.Routers)
	d.routers.holding = ours.holds(file.Routers, onInterface)
	return nil
}

// takeMastership begins to be responsible for the routers: from here on, an end that is
// not in good order is told from one that is.
func (d *daemon) takeMastership() error {
	if d.dir == nil || len(d.file.Routers) == 0 && len(d.routers.saved.Ours) == 0 {
		return nil
	}
	if err := removeAddresses(d.routers.saved.stale(d.file.Routers)); err != nil {
		d.log.Warn("what an earlier mainstay left behind", "error", err)
	}
	d.routers.saved.Running = len(d.file.Routers) > 0
	return d.routers.saved.save(d.dir)
}

// leaveTime bounds the wait for a mastership process of an earlier daemon, at the end.
const leaveTime = 10 * time.Second

// leaveMastership sees at an orderly stop that no address of ours is left on the host,
// and notes that all is well: what an earlier process left may never have come to a
// process of this daemon.
func (d *daemon) leaveMastership() error {
	if d.dir == nil || len(d.file.Routers) == 0 && len(d.routers.saved.Ours) == 0 {
		return nil
	}
	err := mastership.AwaitEnd(context.Background(), filepath.Join(d.dir.Path(), mastershipLock), leaveTime)
	if err = errors.Join(err, removeAddresses(d.routers.saved.Ours)); err != nil {
		return err
	}
	d.routers.saved.Running = false
	return d.routers.saved.save(d.dir)
}

// claimReloaded readies a reload: the addresses of the new file's routers are recorded before
// one is added. It runs outside of the loop.
func (d *daemon) claimReloaded(file *config.Config, s savedMastership) (savedMastership, map[string][]netip.Prefix, error) {
	if d.dir == nil {
		return s, nil, nil
	}
	ours, foreign, err := s.claim(d.kernel, file.Routers, onInterface)
	if err != nil {
		return s, nil, err
	}
	// What the process still has to take off stays recorded until it is gone.
	s.addresses = ours
	s.keep(file.Routers)
	s.Running = s.Running || len(file.Routers) > 0
	return s, foreign, s.save(d.dir)
}
