package daemon

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/mainstay-lvs/mainstay/checker"
	"github.com/mainstay-lvs/mainstay/internal/config"
	"github.com/mainstay-lvs/mainstay/internal/control"
	"github.com/mainstay-lvs/mainstay/internal/mastership"
	"github.com/mainstay-lvs/mainstay/vrrp"
)

// routers is what the loop knows of virtual routers beyond their file.
type routers struct {
	saved     savedMastership
	foreign   map[string][]netip.Prefix // by router: addresses that are on the host and not ours
	holding   bool                      // an earlier process's addresses are on the host
	leaveInit time.Time                 // when they start, whatever tracked commands have not said by then
	started   bool                      // the mastership process was told of them
	told      map[string]int            // the penalties that it was told
	status    mastership.Status         // its last report
}

// news takes in what the mastership process reports. It is called by the supervisor, and
// logs by itself: the loop may have ended before the last router has handed over.
func (d *daemon) news(r mastership.Report) {
	switch {
	case r.Transition != nil:
		t := r.Transition
		d.log.Info("virtual router "+t.To.String(), "virtual_router", t.Router, "was", t.From.String(), "why", t.Cause)
	case r.Warning != nil && r.Warning.Router != "":
		d.log.Warn(r.Warning.Warning, "virtual_router", r.Warning.Router)
	case r.Warning != nil:
		d.log.Warn(r.Warning.Warning)
	}
	select {
	case d.heard <- r:
	case <-d.ended:
	}
}

// reportedMastership takes in a report, in the loop.
func (d *daemon) reportedMastership(r mastership.Report) {
	switch {
	case r.Status != nil:
		if why := r.Status.RealTimeError; why != "" && d.routers.status.PID != r.Status.PID {
			d.log.Warn("the mastership process runs without real-time priority: on a busy host it may be late", "error", why)
		}
		d.routers.status = *r.Status
		d.followSync()
	case r.Transition != nil:
		t := r.Transition
		d.core.history.addRouter(t.Router, control.Change{At: t.At, From: t.From.String(), To: t.To.String(), Cause: t.Cause})
	}
}

// followSync has the kernel's sync daemon follow the router that has it.
func (d *daemon) followSync() {
	for _, r := range d.file.Routers {
		if r.ConnectionSync == nil {
			continue
		}
		if s, ok := d.snapshot(r.Name); ok {
			d.sync.follow(syncWish{ConnectionSync: *r.ConnectionSync, master: s.State == vrrp.Master || s.State == vrrp.Retiring, since: s.Since})
		}
		return
	}
	d.sync.forget()
}

// snapshot is how a router stands, as last reported.
func (l *loop) snapshot(name string) (vrrp.Snapshot, bool) {
	i := slices.IndexFunc(l.routers.status.Routers, func(s vrrp.Snapshot) bool { return s.Name == name })
	if i < 0 {
		return vrrp.Snapshot{}, false
	}
	return l.routers.status.Routers[i], true
}

// lead starts the routers when it is time, and tells the mastership process of penalties
// that have changed. It runs in the loop, after each decision.
func (d *daemon) lead(now time.Time) {
	if d.supervisor == nil {
		return
	}
	if !d.routers.started {
		// One that took over a table and holds addresses is in service already.
		adopted := d.routers.holding && slices.ContainsFunc(d.core.services, func(s *service) bool { return s.adopted != nil })
		if adopted || d.ready && (d.core.trackedSeen() || !now.Before(d.routers.leaveInit)) {
			d.startRouters()
		}
		return
	}
	if penalties := d.core.penalties(); !maps.Equal(penalties, d.routers.told) {
		d.routers.told = penalties
		d.supervisor.Penalise(penalties)
	}
}

// startRouters has the mastership process hold the routers of the file in force; also
// after a reload.
func (d *daemon) startRouters() {
	if d.supervisor == nil || len(d.file.Routers) == 0 && !d.routers.started {
		return
	}
	d.routers.started = true
	d.routers.told = d.core.penalties()
	setups := make([]mastership.RouterSetup, 0, len(d.file.Routers))
	for _, r := range d.file.Routers {
		setups = append(setups, mastership.RouterSetup{
			Router: r.Router, Foreign: d.routers.foreign[r.Name],
			StandBy: slices.Contains(d.routers.saved.StandingBy, r.Name), Penalty: d.routers.told[r.Name],
		})
	}
	d.supervisor.Set(setups)
}

// track has the core run the commands that routers track, beside the checks.
func (c *core) track(routers []config.VirtualRouter) {
	c.routers = routers
	c.useTracked(c.checks)
}

// useTracked finds or begins the checks that routers track.
func (c *core) useTracked(checks map[checker.Key]*check) {
	c.tracked = make(map[string][]*check)
	for _, r := range c.routers {
		for _, t := range r.Commands {
			c.tracked[r.Name] = append(c.tracked[r.Name], c.use(checks, t.Spec))
		}
	}
}

// trackedSeen reports whether each tracked command has come to a verdict.
func (c *core) trackedSeen() bool {
	for _, checks := range c.tracked {
		if slices.ContainsFunc(checks, func(ch *check) bool { return !ch.seen || ch.last.Verdict == checker.Unknown }) {
			return false
		}
	}
	return true
}

// penalties are what tracking takes off the routers' priorities, by router.
func (c *core) penalties() map[string]int {
	sums := make(map[string]int)
	for i := range c.routers {
		for _, p := range c.penaltiesOf(&c.routers[i]) {
			sums[c.routers[i].Name] += p.Penalty
		}
	}
	return sums
}

// penaltiesOf are a router's penalties in force. What was not judged yet has none.
func (c *core) penaltiesOf(r *config.VirtualRouter) []control.Penalty {
	var out []control.Penalty
	for _, t := range r.Services {
		s := c.byKey[t.Key]
		if s == nil || !s.decided {
			continue
		}
		if q := s.decision.Report.Quorum; q.Judged && !q.Met {
			out = append(out, control.Penalty{For: "virtual service " + t.Name + " lost its quorum", Penalty: t.Penalty})
		}
	}
	for i, t := range r.Commands {
		if ch := c.tracked[r.Name][i]; ch.seen && ch.last.Verdict == checker.Down {
			out = append(out, control.Penalty{For: fmt.Sprintf("command %s: %s", t.Name, ch.last.Reason), Penalty: t.Penalty})
		}
	}
	return out
}

// ExplainRouter returns what is known of one virtual router.
func (d *daemon) ExplainRouter(ctx context.Context, name string) (out control.RouterExplanation, err error) {
	if doErr := d.do(ctx, func() {
		var r *config.VirtualRouter
		if r, err = d.findRouter(name); err == nil {
			out = control.RouterExplanation{Router: d.routerStatus(r), Changes: d.core.history.ofRouter(name)}
		}
	}); doErr != nil {
		return out, doErr
	}
	return out, err
}

// findRouter finds a router of the file in force by its name.
func (d *daemon) findRouter(name string) (*config.VirtualRouter, error) {
	var known []string
	for i := range d.file.Routers {
		if d.file.Routers[i].Name == name {
			return &d.file.Routers[i], nil
		}
		known = append(known, d.file.Routers[i].Name)
	}
	return nil, fmt.Errorf("virtual router %q: %w (want %s)", name, control.ErrNotFound, list(known))
}

// Failover hands a router's addresses over and has it stand by, or no longer stand by,
// and its sync group with it.
func (d *daemon) Failover(ctx context.Context, name string, cancel bool) (out control.FailoverResult, err error) {
	out.Router = name
	if doErr := d.do(ctx, func() { _, err = d.findRouter(name) }); doErr != nil || err != nil {
		return out, errorOf(doErr, err)
	}
	if d.supervisor == nil {
		return out, fmt.Errorf("this mainstay only observes: it holds no virtual router")
	}
	if err := d.supervisor.Failover(ctx, name, cancel); err != nil {
		return out, err
	}
	if err := d.saving.take(ctx); err != nil {
		return out, err
	}
	defer d.saving.give()
	var toSave savedMastership
	if err := d.do(ctx, func() {
		var standing []string
		for _, s := range d.routers.status.Routers {
			if s.StandingBy {
				standing = append(standing, s.Name)
			}
			if s.Name == name {
				out.State = s.State.String()
				if s.Master.IsValid() {
					out.Master = s.Master.String()
				}
			}
		}
		d.routers.saved.StandingBy = standing
		toSave = d.routers.saved
		d.startRouters() // a mastership process that must be started again knows it, too
	}); err != nil {
		return out, err
	}
	if err := toSave.save(d.dir); err != nil {
		return out, fmt.Errorf("done, but a restart will forget it: %w", err)
	}
	return out, nil
}

func errorOf(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

// routerStatus is a router in the picture.
func (d *daemon) routerStatus(r *config.VirtualRouter) control.Router {
	out := control.Router{
		Name: r.Name, Interface: r.Interface, VRID: int(r.VRID), Version: int(r.Version),
		State: vrrp.Init.String(), Priority: int(r.Priority), Effective: int(r.Priority),
		AdvertIntervalMS: float64(r.AdvertInterval) / float64(time.Millisecond),
		SyncGroup:        r.SyncGroup, Penalties: d.core.penaltiesOf(r),
		StandingBy: slices.Contains(d.routers.saved.StandingBy, r.Name),
	}
	for _, p := range r.Held() {
		out.Addresses = append(out.Addresses, p.String())
	}
	s, known := d.snapshot(r.Name)
	switch {
	case d.supervisor == nil:
		out.Why = "init: this mainstay only observes, and holds no address"
	case !d.routers.started:
		out.Why = "init: waiting for the first verdicts of the checks"
	case !known:
		out.Why = "init: the mastership process is starting"
	default:
		out.State, out.Since, out.Why = s.State.String(), s.Since, s.State.String()+": "+s.Cause
		out.Effective, out.StandingBy, out.Holding = int(s.Effective), s.StandingBy, s.Holding
		out.Transitions = int(s.Transitions)
		if s.Master.IsValid() {
			out.Master = s.Master.String()
		}
		out.Adverts = control.Adverts{Sent: s.Sent, Received: s.Received, Dropped: s.Dropped}
		for _, w := range s.Warnings {
			out.Warnings = append(out.Warnings, w.Sentence)
		}
	}
	for _, p := range d.routers.foreign[r.Name] {
		out.Warnings = append(out.Warnings, fmt.Sprintf("%s was on %s before, and was not put there by Mainstay: it is never taken off (ip address del %s dev %s)",
			p, r.Interface, p, r.Interface))
	}
	return out
}

// mastershipStatus is the mastership process in the picture; nil where there is none.
func (d *daemon) mastershipStatus() *control.Mastership {
	if d.supervisor == nil || len(d.file.Routers) == 0 {
		return nil
	}
	s := d.routers.status
	return &control.Mastership{
		Running: d.supervisor.Running(), Restarts: d.supervisor.Restarts(), RealTime: s.RealTime,
		LatenessP999MS:  float64(s.LatenessP999.Microseconds()) / 1000,
		LatenessWorstMS: float64(s.LatenessWorst.Microseconds()) / 1000,
	}
}
