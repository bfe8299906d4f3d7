package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/mainstay-lvs/mainstay/ipvs"
	"github.com/mainstay-lvs/mainstay/ipvs/kernel"
)

// table is the kernel's IPVS table. [kernel.Conn] is the real one.
type table interface {
	Read() (kernel.Snapshot, error)
	ReadServices(keys []ipvs.Key) (kernel.Snapshot, error)
	Apply(changes []ipvs.Change) ([]kernel.Failure, error)
}

// reconciler keeps the kernel's table as it is wanted. It is the only writer: what
// is wanted is told to it by [reconciler.want], and it reads the services that
// changed, plans and applies. Once in an interval it compares the whole table.
type reconciler struct {
	table  table
	log    *slog.Logger
	report func(report) // called from Run's goroutine; must not wait for the reconciler

	mu       sync.Mutex
	services map[ipvs.Key]ipvs.Service // the wanted ones
	gone     map[ipvs.Key]bool         // ours, but no longer wanted
	dirty    map[ipvs.Key]bool         // wanted or gone, and not yet reconciled
	refused  map[ipvs.Key]bool         // the kernel refused a change of theirs, last time
	count    map[ipvs.Key]bool         // services whose connections are to be counted
	audit    bool                      // compare the whole table now
	interval time.Duration             // between audits
	wake     chan struct{}             // one token: there is something to do
}

// report is what the reconciler did, for the loop.
type report struct {
	// Clean: an audit found the whole table as it is wanted.
	clean bool
	// Done are the services that were brought to what was wanted, or could not be.
	done []ipvs.Key
	// Failures are the changes that the kernel refused, of the services in done.
	failures []kernel.Failure
	// Removed are those of done that are no longer in the kernel.
	removed []ipvs.Key
	// Err is why the table as a whole could not be read or written; the services
	// are tried again at the next audit.
	err error
	// Counters were read at a time after which no connection they miss was made
	// to a server that then had weight 0; empty where none were asked for.
	at       time.Time
	counters map[ipvs.ServerKey]ipvs.Counters
}

// retries is how often a service is tried again at once after answers were lost.
const retries = 3

func newReconciler(t table, interval time.Duration, log *slog.Logger, deliver func(report)) *reconciler {
	return &reconciler{
		table: t, log: log, report: deliver, interval: interval,
		services: make(map[ipvs.Key]ipvs.Service),
		gone:     make(map[ipvs.Key]bool),
		dirty:    make(map[ipvs.Key]bool),
		refused:  make(map[ipvs.Key]bool),
		count:    make(map[ipvs.Key]bool),
		wake:     make(chan struct{}, 1),
	}
}

// want tells how services should be, and which ones should no longer be there.
func (r *reconciler) want(services []ipvs.Service, gone []ipvs.Key) {
	r.change(func() {
		for _, s := range services {
			r.services[s.Key] = s
			delete(r.gone, s.Key)
			r.dirty[s.Key] = true
		}
		for _, key := range gone {
			delete(r.services, key)
			r.gone[key] = true
			r.dirty[key] = true
		}
	})
}

// countConnections asks for the connections of services, which come with a report.
func (r *reconciler) countConnections(keys []ipvs.Key) {
	r.change(func() {
		for _, key := range keys {
			r.count[key] = true
		}
	})
}

// auditNow asks for a comparison of the whole table.
func (r *reconciler) auditNow() { r.change(func() { r.audit = true }) }

// setInterval changes the time between audits.
func (r *reconciler) setInterval(d time.Duration) { r.change(func() { r.interval = d }) }

func (r *reconciler) change(f func()) {
	r.mu.Lock()
	f()
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run reconciles until the context ends. What was wanted before then is done.
func (r *reconciler) Run(ctx context.Context) error {
	next := time.NewTimer(r.interval)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			r.work()
			return nil
		case <-r.wake:
		case <-next.C:
			r.auditNow()
		}
		if audited := r.work(); audited {
			r.mu.Lock()
			next.Reset(r.interval)
			r.mu.Unlock()
		}
	}
}

// work does what there is to do, the changes first.
func (r *reconciler) work() (audited bool) {
	if keys := r.take(&r.dirty); len(keys) > 0 {
		r.report(r.reconcile(keys, false))
	}
	if keys := r.take(&r.count); len(keys) > 0 {
		at := time.Now()
		snapshot, err := r.table.ReadServices(keys)
		if err == nil {
			r.report(report{at: at, counters: snapshot.Counters})
		}
	}
	r.mu.Lock()
	audited, r.audit = r.audit, false
	r.mu.Unlock()
	if audited {
		r.report(r.compare())
	}
	return audited
}

func (r *reconciler) take(set *map[ipvs.Key]bool) []ipvs.Key {
	r.mu.Lock()
	defer r.mu.Unlock()
	keys := slices.SortedFunc(maps.Keys(*set), ipvs.Key.Compare)
	*set = make(map[ipvs.Key]bool)
	return keys
}

// compare reads the whole table and mends what differs. Another program may have
// changed the table while it was read, and the kernel gives no sign of that: only a
// difference that a second reading shows too is acted on.
func (r *reconciler) compare() report {
	snapshot, err := r.table.Read()
	if err != nil {
		return report{err: err}
	}
	keys := r.differing(snapshot.Table)
	if len(keys) == 0 {
		return report{clean: true}
	}
	again, err := r.table.ReadServices(keys)
	if err != nil {
		return report{err: err}
	}
	if keys = r.differingOf(keys, again.Table); len(keys) == 0 {
		return report{clean: true}
	}
	return r.reconcile(keys, true)
}

// differing are the services of ours that are not as wanted.
func (r *reconciler) differing(found ipvs.Table) []ipvs.Key {
	r.mu.Lock()
	ours := slices.Concat(slices.Collect(maps.Keys(r.services)), slices.Collect(maps.Keys(r.gone)))
	r.mu.Unlock()
	slices.SortFunc(ours, ipvs.Key.Compare)
	return r.differingOf(ours, found)
}

func (r *reconciler) differingOf(keys []ipvs.Key, found ipvs.Table) []ipvs.Key {
	byKey := make(map[ipvs.Key]ipvs.Service, len(found.Services))
	for _, s := range found.Services {
		byKey[s.Key] = s
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(keys, func(key ipvs.Key) bool {
		has, there := byKey[key]
		wants, wanted := r.services[key]
		return there == wanted && (!there || sameService(has, wants))
	})
}

// reconcile brings services to what is wanted.
func (r *reconciler) reconcile(keys []ipvs.Key, repair bool) report {
	out := report{done: keys}
	for try := 0; ; try++ {
		out.failures, out.err = r.attempt(keys, repair)
		if !errors.Is(out.err, kernel.ErrOverrun) || try == retries {
			break
		}
		r.log.Warn("answers of the kernel were lost, reading the table again", "services", len(keys))
	}
	if out.err != nil {
		return out
	}
	for _, key := range keys {
		delete(r.refused, key)
	}
	for _, f := range out.failures {
		r.refused[f.Change.Service.Key] = true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range keys {
		if r.gone[key] && !r.refused[key] {
			delete(r.gone, key)
			out.removed = append(out.removed, key)
		}
	}
	return out
}

func (r *reconciler) attempt(keys []ipvs.Key, repair bool) ([]kernel.Failure, error) {
	snapshot, err := r.table.ReadServices(keys)
	if err != nil {
		return nil, err
	}
	var wanted ipvs.Table
	r.mu.Lock()
	for _, key := range keys {
		if s, ok := r.services[key]; ok {
			wanted.Services = append(wanted.Services, s)
		}
	}
	r.mu.Unlock()
	changes := ipvs.Plan(snapshot.Table, wanted)
	if len(changes) == 0 {
		return nil, nil
	}
	if repair && slices.ContainsFunc(changes, func(c ipvs.Change) bool { return !r.refused[c.Service.Key] }) {
		r.log.Warn("the kernel's table was changed by another program: repairing it", "changes", len(changes))
	}
	r.logChanges(changes)
	failures, err := r.table.Apply(changes)
	for _, f := range failures {
		r.log.Error("the kernel refused a change; it is tried again at the next audit", "change", f.Change.String(), "error", f.Err)
	}
	return failures, err
}

// logged bounds how many changes of one plan are logged each on its line.
const logged = 100

func (r *reconciler) logChanges(changes []ipvs.Change) {
	for i, c := range changes {
		if i == logged {
			r.log.Info(fmt.Sprintf("and %d changes more", len(changes)-logged))
			return
		}
		r.log.Info("ipvsadm " + c.String())
	}
}
