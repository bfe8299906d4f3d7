package daemon

import (
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"github.com/mainstay-lvs/mainstay/checker"
	"github.com/mainstay-lvs/mainstay/internal/config"
	"github.com/mainstay-lvs/mainstay/internal/mastership"
	"github.com/mainstay-lvs/mainstay/ipvs"
)

// countInterval is how often connections are counted while something drains.
const countInterval = time.Second

// batch bounds how many results of checks are taken in before the next decision.
const batch = 1024

// loop is what the daemon's one goroutine of judgement owns. Others reach it by
// [daemon.do].
type loop struct {
	orders  chan func()
	reports chan report
	heard   chan mastership.Report
	ended   chan struct{} // closed when no more orders are taken

	started      config.Director // of the file that the daemon started with
	file         *config.Config
	core         *core
	owned        map[ipvs.Key]bool // our services in the kernel, now or soon
	ownedChanged bool              // and not yet saved
	loadedAt     time.Time
	configError  string   // why the last reload was refused
	notes        []string // sentences for `mainstay status` that stay true
	restart      []string // what a reload could not change
	reconciling  bool     // the first wanted table was handed to the reconciler
	ready        bool
	failures     map[ipvs.Key][]string // what the kernel refused, by service
	tableError   string                // why the table can't be read or written
	countAt      time.Time             // when to count connections; zero: nothing drains
	effort       time.Duration         // that the last decision took
	routers      routers
}

func newLoop(file *config.Config, s saved) loop {
	l := loop{
		orders: make(chan func()), reports: make(chan report, 16), heard: make(chan mastership.Report), ended: make(chan struct{}),
		started: file.Director, file: file, loadedAt: time.Now(), notes: s.notes,
		owned:    make(map[ipvs.Key]bool),
		failures: make(map[ipvs.Key][]string),
	}
	for _, key := range s.owned {
		l.owned[key] = true
	}
	for _, service := range file.Services {
		l.owned[service.Head.Key] = true
	}
	return l
}

// ours are the keys of all services that are ours.
func (l *loop) ours() []ipvs.Key { return slices.SortedFunc(maps.Keys(l.owned), ipvs.Key.Compare) }

// do has the loop run f, and waits for it. It fails when the daemon is stopping.
func (d *daemon) do(ctx context.Context, f func()) error {
	done := make(chan struct{})
	select {
	case d.orders <- func() { f(); close(done) }:
	case <-d.ended:
		return errStopping
	case <-ctx.Done():
		return ctx.Err()
	}
	<-done
	return nil
}

var errStopping = fmt.Errorf("mainstay is stopping")

// deliver hands a report of the reconciler to the loop.
func (d *daemon) deliver(r report) {
	select {
	case d.reports <- r:
	case <-d.ended:
	}
}

// runLoop takes in what happens, one thing after the other, and decides after each.
func (d *daemon) runLoop(ctx context.Context) error {
	defer close(d.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	watchdog, stopWatchdog := watchdogTicks()
	defer stopWatchdog()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, more := <-d.engine.Events():
			if !more { // it ends with the context, or for a reason that ends the daemon
				<-ctx.Done()
				return nil
			}
			d.take(e)
		case r := <-d.reports:
			d.reported(r)
		case r := <-d.heard:
			d.reportedMastership(r)
		case order := <-d.orders:
			order()
		case <-timer.C:
		case <-watchdog:
			notify("WATCHDOG=1")
		}
		now := time.Now()
		d.decide(now)
		d.effort = time.Since(now)
		timer.Reset(d.wait(now))
	}
}

// maxGather bounds for how long results are gathered.
const maxGather = 100 * time.Millisecond

// take takes in a result, and those that wait behind it. Where the last decision took its
// time, as that about a service of thousands of servers does, results are gathered for as
// long again: then thousands of them, which come at once, cost a few decisions.
func (d *daemon) take(e checker.Event) {
	now := time.Now()
	d.core.event(now, e)
	var enough <-chan time.Time
	if d.effort > time.Millisecond {
		timer := time.NewTimer(min(d.effort, maxGather))
		defer timer.Stop()
		enough = timer.C
	}
	for range batch {
		select {
		case e, more := <-d.engine.Events():
			if !more {
				return
			}
			d.core.event(now, e)
			continue
		default:
		}
		if enough == nil {
			return
		}
		select {
		case e, more := <-d.engine.Events():
			if !more {
				return
			}
			d.core.event(now, e)
		case <-enough:
			return
		}
	}
}

// decide decides about what changed and hands the outcome to the reconciler. Until
// the first verdicts are over nothing is written; then everything is, at once.
func (d *daemon) decide(now time.Time) {
	wanted, changes := d.core.decide(now)
	for _, c := range changes {
		d.log.Info("real server "+standing(c.is), "virtual_service", c.service.config.Name,
			"real_server", c.is.Address.String(), "was", standing(c.was), "why", c.is.Why)
	}
	switch {
	case d.reconciling:
		if len(wanted) > 0 {
			d.rec.want(wanted, nil)
		}
	case d.core.settled():
		d.reconciling = true
		d.rec.want(d.core.wanted().Services, slices.DeleteFunc(d.ours(), func(k ipvs.Key) bool { return d.core.byKey[k] != nil }))
		if len(d.owned) == 0 {
			d.becomeReady()
		}
	}
	d.count(now)
	d.lead(now)
}

// count asks for the connections of services where something drains, each second.
func (d *daemon) count(now time.Time) {
	switch {
	case len(d.core.draining) == 0:
		d.countAt = time.Time{}
	case d.countAt.IsZero():
		d.countAt = now.Add(countInterval)
	case !now.Before(d.countAt):
		d.countAt = now.Add(countInterval)
		d.rec.countConnections(slices.Collect(maps.Keys(d.core.draining)))
	}
}

// wait is how long until a decision is due without an event.
func (d *daemon) wait(now time.Time) time.Duration {
	next := earliest(d.core.next, d.countAt)
	if d.supervisor != nil && len(d.file.Routers) > 0 && !d.routers.started && d.ready && now.Before(d.routers.leaveInit) {
		next = earliest(next, d.routers.leaveInit)
	}
	if next.IsZero() {
		return time.Hour
	}
	return max(0, next.Sub(now))
}

// reported takes in what the reconciler did.
func (d *daemon) reported(r report) {
	d.core.counted(r.at, r.counters)
	if r.err != nil {
		d.log.Error("the kernel's table is not as it should be; the next audit tries again", "error", r.err)
		d.tableError = r.err.Error()
		return
	}
	if r.clean || len(r.done) > 0 {
		d.tableError = ""
	}
	if r.clean {
		clear(d.failures)
	}
	for _, key := range r.done {
		delete(d.failures, key)
	}
	for _, f := range r.failures {
		key := f.Change.Service.Key
		d.failures[key] = append(d.failures[key], f.Error())
	}
	d.disown(r.removed)
	if d.reconciling && (r.clean || len(r.done) > 0) {
		d.becomeReady()
	}
}

// disown takes services that left the kernel out of what is ours.
func (d *daemon) disown(keys []ipvs.Key) {
	for _, key := range keys {
		if d.core.byKey[key] == nil && d.owned[key] {
			delete(d.owned, key)
			d.ownedChanged = true
		}
	}
}

// becomeReady tells systemd, once, that the table is as it should be.
func (d *daemon) becomeReady() {
	if d.ready {
		return
	}
	d.ready = true
	d.core.history.keep(d.core.known)
	d.core.overrides.keep(d.core.known)
	debug.FreeOSMemory() // reading a large file took far more than the daemon will need
	notify("READY=1")
	d.log.Info("ready: the kernel's table is as it should be")
}
