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
	// Read reads all services. It serves to find foreign ones: as a dump it may miss
	// some while another program writes.
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

	refused map[ipvs.Key]error // Run's own: why a change of theirs failed, last time

	mu       sync.Mutex
	services map[ipvs.Key]ipvs.Service // the wanted ones
	gone     map[ipvs.Key]bool         // ours, but no longer wanted
	dirty    map[ipvs.Key]bool         // wanted or gone, and not yet reconciled
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
	// Counters, where they were asked for, are those of servers that had weight 0 in
	// the kernel when they were read, at a time just before: no new connection came
	// since.
	at       time.Time
	counters map[ipvs.ServerKey]ipvs.Counters
}

// auditChunk is how many services an audit reads before it looks whether there is
// something to change.
const auditChunk = 64

// retries is how often a service is tried again at once after answers were lost.
const retries = 3

func newReconciler(t table, interval time.Duration, log *slog.Logger, deliver func(report)) *reconciler {
	return &reconciler{
		table: t, log: log, report: deliver, interval: interval,
		services: make(map[ipvs.Key]ipvs.Service),
		gone:     make(map[ipvs.Key]bool),
		dirty:    make(map[ipvs.Key]bool),
		refused:  make(map[ipvs.Key]error),
		count:    make(map[ipvs.Key]bool),
		wake:     make(chan struct{}, 1),
	}
}

// want tells how services should be, and which ones should no longer be there.
func (r *reconciler) want(services []ipvs.Service, gone []ipvs.Key) {
	r.tell(func() {
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
	r.tell(func() {
		for _, key := range keys {
			r.count[key] = true
		}
	})
}

// auditNow asks for a comparison of the whole table.
func (r *reconciler) auditNow() { r.tell(func() { r.audit = true }) }

// setInterval changes the time between audits.
func (r *reconciler) setInterval(d time.Duration) { r.tell(func() { r.interval = d }) }

func (r *reconciler) tell(f func()) {
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
	interval := r.currentInterval()
	next := time.NewTimer(interval)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			r.change()
			return nil
		case <-r.wake:
		case <-next.C:
			r.auditNow()
		}
		r.change()
		r.counting()
		if audited := r.auditing(); audited || interval != r.currentInterval() {
			interval = r.currentInterval()
			next.Reset(interval)
		}
	}
}

func (r *reconciler) currentInterval() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.interval
}

// change brings the services that changed to what is wanted.
func (r *reconciler) change() {
	if keys := r.take(&r.dirty); len(keys) > 0 {
		r.report(r.reconcile(keys, false))
	}
}

// counting counts the connections of the services that were asked for. Only servers
// that the same reading shows with weight 0 are told of: the change to it may still be
// on its way, or have been refused.
func (r *reconciler) counting() {
	keys := r.take(&r.count)
	if len(keys) == 0 {
		return
	}
	at := time.Now()
	snapshot, err := r.table.ReadServices(keys)
	if err != nil {
		return // they are asked for again in a second
	}
	counters := make(map[ipvs.ServerKey]ipvs.Counters)
	for _, s := range snapshot.Table.Services {
		for _, server := range s.Servers {
			if key := (ipvs.ServerKey{Service: s.Key, Address: server.Address}); server.Weight == 0 {
				counters[key] = snapshot.Counters[key]
			}
		}
	}
	r.report(report{at: at, counters: counters})
}

// auditing compares the whole table, where that is due.
func (r *reconciler) auditing() (done bool) {
	r.mu.Lock()
	done, r.audit = r.audit, false
	r.mu.Unlock()
	if done {
		r.report(r.compare())
	}
	return done
}

func (r *reconciler) take(set *map[ipvs.Key]bool) []ipvs.Key {
	r.mu.Lock()
	defer r.mu.Unlock()
	keys := slices.SortedFunc(maps.Keys(*set), ipvs.Key.Compare)
	*set = make(map[ipvs.Key]bool)
	return keys
}

// compare reads all services of ours and mends what differs. Another program may be at
// work in the table, and the kernel gives no sign of that: only a difference that a
// second reading shows too is acted on. What is wanted anew meanwhile goes first.
func (r *reconciler) compare() report {
	r.mu.Lock()
	ours := slices.Concat(slices.Collect(maps.Keys(r.services)), slices.Collect(maps.Keys(r.gone)))
	r.mu.Unlock()
	slices.SortFunc(ours, ipvs.Key.Compare)
	var differing []ipvs.Key
	for chunk := range slices.Chunk(ours, auditChunk) {
		keys, err := r.differing(chunk)
		if err != nil {
			return report{err: err}
		}
		if len(keys) > 0 {
			if keys, err = r.differing(keys); err != nil {
				return report{err: err}
			}
		}
		differing = append(differing, keys...)
		r.change()
	}
	if len(differing) == 0 {
		return report{clean: true}
	}
	return r.reconcile(differing, true)
}

// differing are those of some services that are not as wanted. One that is about to be
// changed is not among them.
func (r *reconciler) differing(keys []ipvs.Key) ([]ipvs.Key, error) {
	snapshot, err := r.table.ReadServices(keys)
	if err != nil {
		return nil, err
	}
	byKey := make(map[ipvs.Key]ipvs.Service, len(snapshot.Table.Services))
	for _, s := range snapshot.Table.Services {
		byKey[s.Key] = s
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []ipvs.Key
	for _, key := range keys {
		has, there := byKey[key]
		wants, wanted := r.services[key]
		if !r.dirty[key] && (there != wanted || there && !sameService(has, wants)) {
			out = append(out, key)
		}
	}
	return out, nil
}

// left are the services that should have gone and are still in the kernel, and why. It
// is for when Run has ended.
func (r *reconciler) left() (services map[ipvs.Key]bool, err error) {
	var errs []error
	for _, key := range slices.SortedFunc(maps.Keys(r.gone), ipvs.Key.Compare) {
		errs = append(errs, r.refused[key])
	}
	return r.gone, errors.Join(errs...)
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
	for _, key := range keys {
		delete(r.refused, key)
		if out.err != nil {
			r.refused[key] = out.err
		}
	}
	if out.err != nil {
		return out
	}
	for _, f := range out.failures {
		r.refused[f.Change.Service.Key] = f
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range keys {
		if r.gone[key] && r.refused[key] == nil {
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
	if repair && slices.ContainsFunc(changes, func(c ipvs.Change) bool { return r.refused[c.Service.Key] == nil }) {
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
