package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/config"
	"github.com/mainstay-lvs/mainstay/internal/control"
	"github.com/mainstay-lvs/mainstay/ipvs"
	"github.com/mainstay-lvs/mainstay/ipvs/kernel"
)

// Reload reads the file again and puts it in force. All that can go wrong is tried
// before anything live is touched: a wrong file changes nothing.
func (d *daemon) Reload(ctx context.Context) (warnings []string, err error) {
	// One at a time, and none beside an operator's order that is being saved.
	d.saving.Lock()
	defer d.saving.Unlock()
	file, problems := load(d.ConfigFile)
	if file == nil {
		return nil, d.refuse(ctx, refused(problems.Errors))
	}
	for _, w := range problems.Warnings {
		d.log.Warn(w.String())
		warnings = append(warnings, w.String())
	}
	var added []ipvs.Key
	owned := make(map[ipvs.Key]bool)
	if err := d.do(ctx, func() {
		maps.Copy(owned, d.owned)
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
	if err != nil {
		return nil, d.refuse(ctx, &control.Refused{Lines: []string{err.Error()}})
	}
	var restart []string
	err = d.do(ctx, func() {
		restart = notByReload(d.file.Director, file.Director)
		d.apply(time.Now(), file, owned, snapshot.Table)
		d.restart = restart
	})
	debug.FreeOSMemory()
	d.log.Info("reloaded", "virtual_services", len(file.Services), "added", len(added))
	return append(warnings, restart...), err
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
	if _, none := d.table.(*observed); none && !d.Observe {
		// The daemon started without services on a kernel without IPVS.
		return kernel.Snapshot{}, fmt.Errorf("%w, then restart mainstay", kernel.ErrNoIPVS)
	}
	snapshot, err := d.table.ReadServices(added)
	if err != nil {
		return snapshot, err
	}
	if d.dir == nil {
		return snapshot, nil
	}
	return snapshot, saveOwned(d.dir, d.kernel, owned)
}

// apply puts a file in force. It runs in the loop.
func (d *daemon) apply(now time.Time, file *config.Config, owned map[ipvs.Key]bool, found ipvs.Table) {
	gone := d.core.reload(now, file.Services, found)
	d.file, d.owned, d.loadedAt, d.configError = file, owned, now, ""
	d.engine.Set(d.core.specs())
	d.rec.setInterval(file.Director.AuditInterval)
	for _, key := range gone {
		delete(d.failures, key)
	}
	if d.reconciling {
		d.rec.want(nil, gone)
	}
}

// notByReload says which changes of the director's own keys wait for a restart.
func notByReload(old, new config.Director) []string {
	var out []string
	for _, c := range []struct{ key, old, new string }{
		{"control_socket", old.ControlSocket, new.ControlSocket},
		{"state_dir", old.StateDir, new.StateDir},
		{"command_user", old.CommandUser, new.CommandUser},
	} {
		if c.old != c.new {
			out = append(out, fmt.Sprintf("director.%s: a reload does not change it: it is %q until mainstay is restarted", c.key, c.old))
		}
	}
	return out
}
