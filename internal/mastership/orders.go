package mastership

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mainstay-lvs/mainstay/vrrp"
)

// obey carries out the daemon's orders. Where the daemon is gone, the routers are handed
// over, and the process ends.
func (l *loop) obey(now time.Time) {
	l.obeyOrders(now)
	l.pipe.flush()
	silent := now.Sub(l.pinged) > daemonSilence
	if (l.pipe.broken || silent) && !l.orphaned {
		l.orphaned = true
		l.warn("", "the daemon is gone: handing over")
		l.leave(now, vrrp.Abandon, "the daemon is gone")
	}
}

func (l *loop) obeyOrders(now time.Time) {
	orders, err := l.pipe.orders()
	if err != nil {
		l.warn("", err.Error())
	}
	for _, o := range orders {
		switch {
		case o.Setup != nil:
			l.setUp(now, *o.Setup)
		case o.Penalise != nil:
			l.penalise(now, o.Penalise.Routers)
		case o.Failover != nil:
			l.failOver(now, *o.Failover)
		case o.Ping != 0:
			l.pinged = now
			l.pipe.report(Report{Pong: o.Ping}, false)
		case o.Stop:
			l.leave(now, vrrp.Stop, "the daemon stops")
		}
	}
}

// leave has all routers hand over; the loop ends when they have.
func (l *loop) leave(now time.Time, how vrrp.EventKind, cause string) {
	l.leaving = true
	for _, r := range l.routers {
		r.replace = nil
		if !r.ended {
			r.do(now, vrrp.Event{Kind: how, Cause: cause})
		}
	}
}

// setUp brings the routers from one setup to another. A router that stays keeps its
// state and its timers; one that can't be changed in place hands over first.
func (l *loop) setUp(now time.Time, s Setup) {
	if l.leaving {
		return
	}
	if s.HoldPreemption > 0 {
		l.holdUntil = now.Add(s.HoldPreemption)
	}
	var routers []*router
	for _, wanted := range s.Routers {
		r := l.find(wanted, routers)
		if r == nil {
			routers = append(routers, newRouter(l, wanted))
			continue
		}
		routers = append(routers, r)
		switch {
		case r.stopping:
			r.replace = &wanted
		case !sameRouter(r.setup.Router, wanted.Router):
			r.replace = &wanted
			r.stop(now, "the file changed its interface, VRID, version or family")
		default:
			r.configure(now, wanted)
		}
	}
	for _, r := range l.routers {
		if !slices.Contains(routers, r) {
			r.replace = nil
			routers = append(routers, r)
			r.stop(now, "it is no longer in the file")
		}
	}
	l.routers = routers
	l.removeDropped()
	l.news = true
	l.begin(now)
}

// find finds the router that is to become what is wanted, none of those that are taken:
// the same one, whatever its name is now, or one of the same name, which must end first.
func (l *loop) find(wanted RouterSetup, taken []*router) *router {
	for _, is := range []func(*router) bool{
		func(r *router) bool { return sameRouter(r.setup.Router, wanted.Router) },
		func(r *router) bool { return r.setup.Name == wanted.Name },
	} {
		if i := slices.IndexFunc(l.routers, func(r *router) bool { return is(r) && !slices.Contains(taken, r) }); i >= 0 {
			return l.routers[i]
		}
	}
	return nil
}

// penalise takes off priorities what tracking says.
func (l *loop) penalise(now time.Time, penalties map[string]int) {
	for _, r := range l.routers {
		r.setup.Penalty = penalties[r.setup.Name]
		if r.replace != nil {
			r.replace.Penalty = penalties[r.setup.Name]
		}
		r.prioritise(now)
	}
	l.news = true
}

// group are the routers of a router's sync group, or it alone.
func (l *loop) group(r *router) []*router {
	if r.setup.SyncGroup == "" {
		return []*router{r}
	}
	var members []*router
	for _, o := range l.routers {
		if o.setup.SyncGroup == r.setup.SyncGroup && o.begun && !o.ended && o.replace == nil {
			members = append(members, o)
		}
	}
	return members
}

// groups are all sync groups, and for each its routers.
func (l *loop) groups(visit func(name string, routers []*router)) {
	var seen []string
	for _, r := range l.routers {
		if g := r.setup.SyncGroup; g != "" && !slices.Contains(seen, g) {
			seen = append(seen, g)
			visit(g, l.group(r))
		}
	}
}

func members(routers []*router) []member {
	out := make([]member, len(routers))
	for i, r := range routers {
		m := r.Machine()
		master, _ := m.Master()
		out[i] = member{name: r.setup.Name, state: m.State(), wanting: m.Wanting(), follows: master.IsValid(), fault: r.fault.cause}
	}
	return out
}

// settle has the routers of each sync group move together.
func (l *loop) settle(now time.Time) {
	if l.leaving {
		return
	}
	l.groups(func(name string, routers []*router) {
		// Each round moves a router on; a machine goes through all its states in fewer.
		for range 8 {
			told := settleGroup(name, members(routers))
			for i, r := range routers {
				if e, ok := told[i]; ok {
					r.do(now, e)
				}
			}
			if len(told) == 0 {
				break
			}
		}
	})
}

// tellFaults tells the machines of faults that began or ended, their group's among them.
func (l *loop) tellFaults(now time.Time) {
	faults := make(map[*router]fault)
	for _, r := range l.routers {
		faults[r] = r.fault
	}
	l.groups(func(name string, routers []*router) {
		all := members(routers)
		for i, r := range routers {
			if why := groupFault(name, all, i); why != "" && r.fault.cause == "" {
				faults[r] = fault{cause: why}
			}
		}
	})
	for _, r := range l.routers {
		f := faults[r]
		switch {
		case !r.begun || r.ended:
		case f.cause != "" && (r.told.cause == "" || f.dead && !r.told.dead):
			r.told = f
			r.do(now, vrrp.Event{Kind: vrrp.Fail, Cause: f.cause, Dead: f.dead})
		case f.cause != "" && f != r.told:
			r.told = f
			l.news = true
		case f.cause == "" && r.told.cause != "":
			r.told = fault{}
			r.do(now, vrrp.Event{Kind: vrrp.Recover})
		}
	}
}

// failover is an order under way: routers that have not yet answered.
type failover struct {
	id      uint64
	waiting []*router
	failed  []string // names of those that nobody took over
	done    []*router
}

// failOver carries out an operator's failover, or the end of one.
func (l *loop) failOver(now time.Time, o FailoverOrder) {
	i := slices.IndexFunc(l.routers, func(r *router) bool { return r.setup.Name == o.Router && !r.ended && r.begun })
	if i < 0 {
		l.answer(o.ID, fmt.Errorf("there is no virtual router %s now", o.Router))
		return
	}
	group := l.group(l.routers[i])
	if o.Cancel {
		for _, r := range group {
			r.setup.StandBy = false
			r.do(now, vrrp.Event{Kind: vrrp.Cancel})
		}
		l.answer(o.ID, nil)
		return
	}
	for _, r := range group {
		if r.setup.Priority == vrrp.OwnerPriority {
			l.answer(o.ID, fmt.Errorf("%s has priority 255, the address owner's: it can't stand by (give it a lower one)", r.setup.Name))
			return
		}
	}
	// A router that is on its way already answers all who asked.
	l.failovers = append(l.failovers, &failover{id: o.ID, waiting: slices.Clone(group)})
	for _, r := range group {
		r.do(now, vrrp.Event{Kind: vrrp.Failover})
	}
}

// failedOver takes in how a router's failover ended.
func (l *loop) failedOver(r *router, done bool) {
	r.setup.StandBy = r.Machine().StandingBy()
	for _, f := range l.failovers {
		i := slices.Index(f.waiting, r)
		if i < 0 {
			continue
		}
		f.waiting = slices.Delete(f.waiting, i, i+1)
		if done {
			f.done = append(f.done, r)
		} else {
			f.failed = append(f.failed, r.setup.Name)
		}
		if len(f.waiting) > 0 {
			continue
		}
		if len(f.failed) == 0 {
			l.answer(f.id, nil)
			continue
		}
		l.answer(f.id, f.calledOff(time.Now()))
	}
	l.failovers = slices.DeleteFunc(l.failovers, func(f *failover) bool { return len(f.waiting) == 0 })
	l.news = true
}

// calledOff undoes a failover that not all routers of the group could do, and says so.
func (f *failover) calledOff(now time.Time) error {
	failed := strings.Join(f.failed, ", ")
	if len(f.done) == 0 {
		return fmt.Errorf("no router took over from %s: it is as before, and nothing was lost", failed)
	}
	var names []string
	for _, r := range f.done {
		names = append(names, r.setup.Name)
		r.setup.StandBy = false
		r.do(now, vrrp.Event{Kind: vrrp.Cancel})
	}
	return fmt.Errorf("%s was taken over, but no router took over from %s of the same sync group: called off, nothing stands by, and the group comes together again by its priorities",
		strings.Join(names, ", "), failed)
}

func (l *loop) answer(id uint64, err error) {
	a := &FailoverAnswer{ID: id}
	if err != nil {
		a.Error = err.Error()
	}
	// How the routers stand comes first: who waits for the answer reads it then.
	l.status(time.Now())
	l.pipe.report(Report{Failover: a}, false)
}

// send sends news to the daemon, or where it is gone to the log.
func (l *loop) send(r Report) {
	if l.pipe.report(r, true) {
		l.orphan.log(r)
	}
}

// warn tells an operator something, the same at most once a minute.
func (l *loop) warn(router, sentence string) {
	w := RouterWarning{Router: router, Warning: sentence}
	now := time.Now()
	if last, said := l.warned[w]; said && now.Sub(last) < time.Minute {
		return
	}
	if l.warned == nil || len(l.warned) > 1000 {
		l.warned = make(map[RouterWarning]time.Time)
	}
	l.warned[w] = now
	l.send(Report{Warning: &w})
}

// tell tells the daemon how the routers stand, when that has changed, and each second.
func (l *loop) tell(now time.Time) {
	if l.news || now.Sub(l.statusAt) >= statusInterval {
		l.status(now)
	}
}

func (l *loop) status(now time.Time) {
	l.news, l.statusAt = false, now
	s := &Status{
		PID: os.Getpid(), RealTime: l.realTime == "", RealTimeError: l.realTime,
		LatenessP999: l.lateness.P999(), LatenessWorst: l.lateness.Worst(),
		Routers: make([]vrrp.Snapshot, 0, len(l.routers)),
	}
	for _, r := range l.routers {
		snapshot := r.Snapshot(now)
		if snapshot.State == vrrp.Fault && r.told.cause != "" {
			snapshot.Cause = r.told.cause // it may be another by now than the one that began it
		}
		s.Routers = append(s.Routers, snapshot)
	}
	l.pipe.report(Report{Status: s}, true)
}
