package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mainstay-lvs/mainstay/checker"
	"github.com/mainstay-lvs/mainstay/internal/config"
	"github.com/mainstay-lvs/mainstay/internal/control"
	"github.com/mainstay-lvs/mainstay/internal/state"
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
	log    *slog.Logger
	kernel state.Kernel
	dir    *state.Dir // nil when it observes
	table  table
	engine *checker.Engine
	rec    *reconciler
	saving sync.Mutex // what is saved is saved in the order in which it came to be

	loop
}

// Run is the daemon: it returns nil when the context ends and the daemon has
// stopped as its file says, or an error that says why it could not start or go on.
// SIGHUP makes it read its file again.
func Run(ctx context.Context, o Options) error {
	d := &daemon{Options: o, log: o.Logger}
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
	if err := d.open(file); err != nil {
		return err
	}
	defer d.close()
	listener, err := control.Listen(file.Director.ControlSocket)
	if err != nil {
		return err
	}
	return d.run(ctx, listener)
}

// refused is a wrong file as an error.
func refused(problems []config.Problem) error {
	r := &control.Refused{}
	for _, p := range problems {
		r.Lines = append(r.Lines, p.String())
	}
	return r
}

// open reads what was saved and what the kernel holds, and makes the loop of it.
// Nothing is written yet but the record of what will be ours.
func (d *daemon) open(file *config.Config) (err error) {
	defer func() {
		if err != nil {
			d.close()
		}
	}()
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
	saved := loadSaved(file.Director.StateDir, d.kernel, setAside)
	if d.table, err = d.openTable(len(file.Services)+len(saved.owned) > 0); err != nil {
		return err
	}
	snapshot, err := d.table.Read()
	if err != nil {
		return err
	}
	d.loop = newLoop(time.Now(), file, saved, snapshot.Table)
	for _, note := range d.notes {
		d.log.Warn(note)
	}
	if err := d.saveOwned(); err != nil {
		return err
	}
	if d.engine, err = newEngine(file, d.log); err != nil {
		return err
	}
	d.rec = newReconciler(d.table, file.Director.AuditInterval, d.log, d.deliver)
	return nil
}

// openTable connects to the kernel's table. A kernel without IPVS is an error only
// where the table is needed.
func (d *daemon) openTable(needed bool) (table, error) {
	if d.Observe {
		return observe(d.log)
	}
	conn, err := kernel.Open()
	if errors.Is(err, kernel.ErrNoIPVS) && !needed {
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

// saveOwned records which services are ours, before one is added.
func (d *daemon) saveOwned() error {
	if d.dir == nil {
		return nil
	}
	return saveOwned(d.dir, d.kernel, d.owned)
}

// run runs the parts until the context ends or one of them fails.
func (d *daemon) run(ctx context.Context, listener net.Listener) error {
	// The reconciler outlives the others: it does what the loop told it last.
	recCtx, stopRec := context.WithCancel(context.WithoutCancel(ctx))
	defer stopRec()
	var rec errgroup.Group
	rec.Go(func() error { return d.rec.Run(recCtx) })

	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)

	d.engine.Set(d.core.specs())
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return named("the checks", d.engine.Run(ctx)) })
	parts.Go(func() error { return named("the control socket", control.NewServer(d, d.log).Serve(ctx, listener)) })
	parts.Go(func() error { return d.reloadOn(ctx, hangups) })
	parts.Go(func() error { return d.persist(ctx) })
	parts.Go(func() error { return d.runLoop(ctx) })
	d.log.Info("started", "version", d.Version, "virtual_services", len(d.core.services), "observe", d.Observe)
	err := parts.Wait()

	notify("STOPPING=1")
	if d.file.Director.OnStop == config.Clear {
		d.log.Info("stopping: our services leave the kernel's table (on_stop: clear)")
		d.rec.want(nil, d.ours())
	} else {
		d.log.Info("stopping: the kernel's table stays as it is (on_stop: keep)")
	}
	stopRec()
	return errors.Join(err, rec.Wait(), d.saveAll())
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
