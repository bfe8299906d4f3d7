package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/mainstay-lvs/mainstay/checker"
	"github.com/mainstay-lvs/mainstay/internal/config"
	"github.com/mainstay-lvs/mainstay/internal/control"
	"github.com/mainstay-lvs/mainstay/internal/mastership"
	"github.com/mainstay-lvs/mainstay/internal/state"
	"github.com/mainstay-lvs/mainstay/ipvs"
	"github.com/mainstay-lvs/mainstay/ipvs/kernel"
)

// Options are how a daemon is started.
type Options struct {
	ConfigFile string
	Observe    bool   // check and decide, log what would be done, write nothing
	Version    string // for `mainstay status`
	Logger     *slog.Logger
}

// daemon is the running daemon.
type daemon struct {
	Options
	log       *slog.Logger
	kernel    state.Kernel
	dir       *state.Dir // nil when it observes
	table     table
	engine    *checker.Engine
	allowance allowance
	rec       *reconciler
	sync      *connectionSync
	// heartbeats is the socket that they come to, valid once hearing is closed.
	heartbeats *net.UDPConn
	hearing    chan struct{}
	// supervisor of the mastership process; nil when it observes.
	supervisor *mastership.Supervisor
	saving     turn // one at a time: what changes the file in force or the state files

	loop
}

// Run is the daemon: it returns nil when the context ends and the daemon has
// stopped as its file says, or an error that says why it could not start or go on.
// SIGHUP makes it read its file again.
func Run(ctx context.Context, o Options) error {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)

	d := &daemon{Options: o, log: o.Logger, saving: make(turn, 1), hearing: make(chan struct{})}
	file, problems := load(o.ConfigFile)
	if file == nil {
		return refused(problems.Errors)
	}
	for _, w := range problems.Warnings {
		d.log.Warn(w.String())
	}
	if err := dropAmbient(); err != nil {
		return err
	}
	defer d.close()
	if err := d.open(file); err != nil {
		return err
	}
	listener, err := control.Listen(file.Director.ControlSocket)
	if err != nil {
		return err
	}
	// Nothing can keep the daemon from starting any more: what will be ours is
	// recorded, before any of it is added.
	if err := errors.Join(d.saveOwned(d.owned), d.takeMastership()); err != nil {
		return errors.Join(err, listener.Close())
	}
	return d.run(ctx, listener, hangups)
}

// refused is a wrong file as an error.
func refused(problems []config.Problem) error {
	r := &control.Refused{}
	for _, p := range problems {
		r.Lines = append(r.Lines, p.String())
	}
	return r
}

// open reads what was saved and what the kernel holds, and makes the parts of it.
// Nothing is written.
func (d *daemon) open(file *config.Config) (err error) {
	if d.kernel, err = state.ThisKernel(); err != nil {
		return err
	}
	var setAside func(string) (string, error)
	if !d.Observe {
		if d.dir, err = state.Open(file.Director.StateDir); err != nil {
			return err
		}
		setAside = d.dir.SetAside
	}
	saved, err := loadSaved(file.Director.StateDir, d.kernel, setAside)
	if err != nil {
		return err
	}
	if d.engine, err = newEngine(file, &d.allowance, saved.marks.Marks, d.log); err != nil {
		return err
	}
	if d.table, err = d.openTable(len(file.Services)+len(saved.owned) > 0); err != nil {
		return err
	}
	d.loop = newLoop(file, saved)
	// What is ours is read by its keys: a dump of the whole table can miss a part
	// of it while another program writes.
	found, err := d.table.ReadServices(d.ours())
	if err != nil {
		return err
	}
	if saved.lost {
		if err := d.noteForeign(); err != nil {
			return err
		}
	}
	d.core = newCore(d.loadedAt, file.Services, found.Table, saved.drains, saved.overrides, saved.history)
	d.core.track(file.Routers)
	d.routers.leaveInit = d.loadedAt.Add(settleTime)
	d.sync = newConnectionSync(d.table, d.log)
	if err := d.openMastership(file, saved.masters); err != nil {
		return err
	}
	if err := d.hear(file); err != nil {
		return err
	}
	for _, note := range d.notes {
		d.log.Warn(note)
	}
	d.rec = newReconciler(d.table, file.Director.AuditInterval, d.log, d.deliver)
	return nil
}

// noteForeign says, where there is no record of what is ours, what is left alone.
func (d *daemon) noteForeign() error {
	whole, err := d.table.Read()
	if err != nil {
		return err
	}
	foreign := whole.Table.Filter(func(k ipvs.Key) bool { return !d.owned[k] })
	if n := len(foreign.Services); n > 0 {
		d.notes = append(d.notes, fmt.Sprintf("there is no record of what Mainstay put into the kernel's table: "+
			"%s not in the file left alone (mainstay plan shows them)", count(n, "virtual service")))
	}
	return nil
}

// openTable connects to the kernel's table. A kernel without IPVS is an error only
// where the table is needed.
func (d *daemon) openTable(needed bool) (table, error) {
	if d.Observe {
		return observe(d.log)
	}
	conn, err := kernel.Open()
	if errors.Is(err, kernel.ErrNoIPVS) && (!needed || !needsIPVS) {
		return &observed{}, nil
	}
	if err != nil {
		return nil, err
	}
	return conn, nil
}

func (d *daemon) close() {
	if conn, ok := d.table.(*kernel.Conn); ok {
		if err := conn.Close(); err != nil {
			d.log.Warn("close the kernel's table", "error", err)
		}
	}
	if d.dir != nil {
		if err := d.dir.Close(); err != nil {
			d.log.Warn("unlock the state folder", "error", err)
		}
	}
}

// saveOwned records which services are ours.
func (d *daemon) saveOwned(owned map[ipvs.Key]bool) error {
	if d.dir == nil {
		return nil
	}
	return saveOwned(d.dir, d.kernel, owned)
}

// run runs the parts until the context ends or one of them fails.
func (d *daemon) run(ctx context.Context, listener net.Listener, hangups <-chan os.Signal) error {
	// The reconciler outlives the others: it does what the loop told it last.
	recCtx, stopRec := context.WithCancel(context.WithoutCancel(ctx))
	defer stopRec()
	var rec errgroup.Group
	rec.Go(func() error { return d.rec.Run(recCtx) })
	rec.Go(func() error { return d.sync.Run(recCtx) })
	// So does the mastership process: it hands the addresses over when the daemon was told to
	// stop, and by itself when the daemon ends otherwise.
	leadCtx, stopLeading := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stopLeading(nil)
	var leading errgroup.Group
	if d.supervisor != nil {
		leading.Go(func() error { return d.supervisor.Run(leadCtx) })
	}

	d.engine.Set(d.core.specs())
	parts, partsCtx := errgroup.WithContext(ctx)
	parts.Go(func() error { return named("the checks", d.engine.Run(partsCtx)) })
	parts.Go(func() error {
		return named("the control socket", control.NewServer(d, d.log).Serve(partsCtx, listener))
	})
	parts.Go(func() error { return d.reloadOn(partsCtx, hangups) })
	parts.Go(func() error { return d.persist(partsCtx) })
	parts.Go(func() error { return named("heartbeats", d.serveHeartbeats(partsCtx)) })
	parts.Go(func() error { return d.saveMarks(partsCtx) })
	parts.Go(func() error { return d.runLoop(partsCtx) })
	for _, w := range hostWarnings(d.file) {
		d.log.Warn(w)
	}
	d.log.Info("started", "version", d.Version, "virtual_services", len(d.core.services), "virtual_routers", len(d.file.Routers), "observe", d.Observe)
	err := parts.Wait()

	notify("STOPPING=1")
	// A part that failed is no reason to take services away: the kernel goes on.
	asked := ctx.Err() != nil && errors.Is(context.Cause(partsCtx), context.Cause(ctx))
	if asked {
		stopLeading(nil)
	} else {
		stopLeading(mastership.ErrAbandon)
	}
	err = errors.Join(err, leading.Wait())
	if asked {
		err = errors.Join(err, d.leaveMastership())
	}
	clearing := asked && d.file.Director.OnStop == config.Clear
	if clearing {
		d.log.Info("stopping: our services leave the kernel's table (on_stop: clear)")
		d.rec.want(nil, d.ours())
	} else {
		d.log.Info("stopping: the kernel's table stays as it is")
	}
	stopRec()
	err = errors.Join(err, rec.Wait())
	if asked {
		if sync := d.sync.listen(); sync != nil {
			d.log.Warn("connection sync: this director does not listen while its daemon is stopped", "error", sync)
		}
	}
	if clearing {
		var why error
		if d.owned, why = d.rec.left(); len(d.owned) > 0 {
			err = errors.Join(err, fmt.Errorf("%s of ours still in the kernel's table: %w", count(len(d.owned), "virtual service"), why))
		}
	}
	return errors.Join(err, d.saveAll())
}

// named says which part of the daemon failed.
func named(part string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return nil
	}
	return fmt.Errorf("%s: %w", part, err)
}

// reloadOn reloads at each hangup.
func (d *daemon) reloadOn(ctx context.Context, hangups <-chan os.Signal) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangups:
			if _, err := d.Reload(ctx); err != nil {
				d.log.Error("the file is wrong: the configuration in force stays", "error", err)
			}
		}
	}
}
