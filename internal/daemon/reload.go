package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"runtime/debug"
	"time"

	"github.com/mainstay-lvs/mainstay/checker"
	"github.com/mainstay-lvs/mainstay/internal/config"
	"github.com/mainstay-lvs/mainstay/internal/control"
	"github.com/mainstay-lvs/mainstay/ipvs"
	"github.com/mainstay-lvs/mainstay/ipvs/kernel"
)

// Reload reads the file again and puts it in force. All that can go wrong is tried
// before anything live is touched: a wrong file changes nothing.
func (d *daemon) Reload(ctx context.Context) (warnings []string, err error) {
	// One at a time, and none beside an operator's order that is being saved.
	if err := d.saving.take(ctx); err != nil {
		return nil, err
	}
	defer d.saving.give()
	file, problems := load(d.ConfigFile)
	if file == nil {
		return nil, d.refuse(ctx, refused(problems.Errors))
	}
	for _, w := range problems.Warnings {
		d.log.Warn(w.String())
		warnings = append(warnings, w.String())
	}
	var added []ipvs.Key
	var owned map[ipvs.Key]bool
	var masters savedMastership
	if err := d.do(ctx, func() {
		owned, masters = maps.Clone(d.owned), d.routers.saved
		for _, s := range file.Services {
			if key := s.Head.Key; d.core.byKey[key] == nil {
				added = append(added, key)
				owned[key] = true
			}
		}
	}); err != nil {
		return nil, err
	}
	snapshot, err := d.prepare(added, owned)
	var foreign map[string][]netip.Prefix
	if err == nil {
		masters, foreign, err = d.claimReloaded(file, masters)
	}
	if err == nil {
		err = d.hear(file)
	}
	if err != nil {
		return nil, d.refuse(ctx, &control.Refused{Lines: []string{err.Error()}})
	}
	var specs []checker.Spec
	if err := d.do(ctx, func() {
		d.restart = notByReload(d.started, file.Director)
		warnings = append(warnings, d.restart...)
		d.routers.saved, d.routers.foreign = masters, foreign
		d.apply(time.Now(), file, added, snapshot.Table)
		if d.routers.started {
			d.startRouters()
		} else {
			d.routers.leaveInit = time.Now().Add(settleTime)
		}
		d.followSync()
		specs = d.core.specs()
	}); err != nil {
		return nil, err
	}
	d.allowance.set(file.Services)
	// Making checks ready takes time, which the loop does not have. Until then the
	// old ones run on, and the core passes over what it has no use for.
	d.engine.Set(specs)
	debug.FreeOSMemory()
	for _, w := range hostWarnings(file) {
		d.log.Warn(w)
	}
	d.log.Info("reloaded", "virtual_services", len(file.Services), "added", len(added), "virtual_routers", len(file.Routers))
	return warnings, nil
}

// refuse remembers why a reload was refused, for `mainstay status`.
func (d *daemon) refuse(ctx context.Context, err error) error {
	return errors.Join(err, d.do(ctx, func() { d.configError = err.Error() }))
}

// prepare does what must be done before services are added, and what may fail.
func (d *daemon) prepare(added []ipvs.Key, owned map[ipvs.Key]bool) (kernel.Snapshot, error) {
	if len(added) == 0 {
		return kernel.Snapshot{}, nil
	}
	if _, none := d.table.(*observed); none && !d.Observe && needsIPVS {
		// The daemon started without services on a kernel without IPVS.
		return kernel.Snapshot{}, fmt.Errorf("%w, then restart mainstay", kernel.ErrNoIPVS)
	}
	snapshot, err := d.table.ReadServices(added)
	if err != nil {
		return snapshot, err
	}
	return snapshot, d.saveOwned(owned)
}

// apply puts a file in force. It runs in the loop.
func (d *daemon) apply(now time.Time, file *config.Config, added []ipvs.Key, found ipvs.Table) {
	d.core.routers = file.Routers
	gone := d.core.reload(now, file.Services, found)
	d.file, d.loadedAt, d.configError = file, now, ""
	// Meanwhile services may have left the kernel, and what is ours with them.
	for _, key := range added {
		d.owned[key] = true
	}
	d.ownedChanged = true
	d.rec.setInterval(file.Director.AuditInterval)
	for _, key := range gone {
		delete(d.failures, key)
	}
	if d.reconciling {
		d.rec.want(nil, gone)
	}
}

// notByReload says which changes of the director's own keys wait for a restart.
func notByReload(started, now config.Director) []string {
	var out []string
	for _, c := range []struct{ key, is, wanted string }{
		{"control_socket", started.ControlSocket, now.ControlSocket},
		{"state_dir", started.StateDir, now.StateDir},
		{"command_user", started.CommandUser, now.CommandUser},
		{"heartbeat_listen", started.HeartbeatListen.String(), now.HeartbeatListen.String()},
	} {
		if c.is != c.wanted {
			out = append(out, fmt.Sprintf("director.%s: a reload does not change it: it is %q until mainstay is restarted", c.key, c.is))
		}
	}
	return out
}
