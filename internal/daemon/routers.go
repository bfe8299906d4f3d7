package daemon

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
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
	said      map[string]string         // why each router has penalties, as last logged
	changed   bool                      // saved is not yet saved
	status    mastership.Status         // its last report
}

// news takes in what the mastership process reports. It is called by the supervisor, and
// logs by itself: the loop may have ended before the last router has handed over.
func (d *daemon) news(r mastership.Report) {
	switch {
	case r.Transition != nil:
		t := r.Transition
		level := slog.LevelInfo
		if t.To == vrrp.Fault || t.From == vrrp.Retiring && strings.Contains(t.Cause, "no router took over") {
			level = slog.LevelWarn
		}
		d.log.Log(context.Background(), level, "virtual router "+t.To.String(), "virtual_router", t.Router, "was", t.From.String(), "why", t.Cause)
	case r.Warning != nil && r.Warning.Router != "":
		d.log.Warn(r.Warning.Warning, "virtual_router", r.Warning.Router)
	case r.Warning != nil:
		d.log.Warn(r.Warning.Warning)
	}
	select {
	case d.heard <- r:
	case <-d.ended:
		d.reportedMastership(r) // nobody else is there any more
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
		d.standBy()
		d.followSync()
	case r.Claimed != nil:
		d.claimed(*r.Claimed)
	case r.Transition != nil:
		t := r.Transition
		d.core.history.addRouter(t.Router, control.Change{At: t.At, From: t.From.String(), To: t.To.String(), Cause: t.Cause})
	}
}

// standBy takes over which routers stand by, of those that the process has.
func (d *daemon) standBy() {
	var standing []string
	for _, r := range d.file.Routers {
		s, known := d.snapshot(r.Name)
		if known && s.StandingBy || !known && slices.Contains(d.routers.saved.StandingBy, r.Name) {
			standing = append(standing, r.Name)
		}
	}
	if !slices.Equal(standing, d.routers.saved.StandingBy) {
		d.routers.saved.StandingBy, d.routers.changed = standing, true
	}
}

// claimed makes addresses ours that were somebody else's, until the mastership process had to add
// them.
func (d *daemon) claimed(c mastership.Claim) {
	r, err := d.findRouter(c.Router)
	if err != nil {
		return
	}
	isClaimed := func(p netip.Prefix) bool { return slices.Contains(c.Addresses, p) }
	d.routers.foreign = maps.Clone(d.routers.foreign)
	d.routers.foreign[r.Name] = slices.DeleteFunc(slices.Clone(d.routers.foreign[r.Name]), isClaimed)
	ours := maps.Clone(d.routers.saved.Ours)
	ours[r.Interface] = append(slices.Clone(ours[r.Interface]), c.Addresses...)
	d.routers.saved.Ours, d.routers.changed = ours, true
}

// followSync has the kernel's sync daemon follow the router that has it.
func (d *daemon) followSync() {
	for _, r := range d.file.Routers {
		if r.ConnectionSync == nil {
			continue
		}
		if s, ok := d.snapshot(r.Name); ok {
			since := s.Since
			if now := time.Now(); since.After(now) { // the clock was set back
				since = now
			}
			d.sync.follow(syncWish{ConnectionSync: *r.ConnectionSync, master: s.State == vrrp.Master || s.State == vrrp.Retiring, since: since})
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
		d.logPenalties()
	}
}

// logPenalties logs, for each router whose penalties have changed, what they are now.
func (d *daemon) logPenalties() {
	said := make(map[string]string)
	for i := range d.file.Routers {
		r := &d.file.Routers[i]
		var reasons []string
		for _, p := range d.core.penaltiesOf(r) {
			reasons = append(reasons, fmt.Sprintf("%d for %s", p.Penalty, p.For))
		}
		said[r.Name] = strings.Join(reasons, "; ")
		switch {
		case said[r.Name] == d.routers.said[r.Name]:
		case said[r.Name] == "":
			d.log.Info("virtual router has no penalty any more", "virtual_router", r.Name, "was", d.routers.said[r.Name])
		default:
			d.log.Warn("virtual router has a penalty", "virtual_router", r.Name, "penalty", d.routers.told[r.Name], "why", said[r.Name])
		}
	}
	d.routers.said = said
}

// startRouters has the mastership process hold the routers of the file in force; also
// after a reload.
func (d *daemon) startRouters() {
	if d.supervisor == nil || len(d.file.Routers) == 0 && !d.routers.started {
		return
	}
	d.routers.started = true
	d.routers.told = d.core.penalties()
	d.logPenalties()
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
	before := c.tracked
	c.tracked = make(map[string][]*check)
	for _, r := range c.routers {
		for _, t := range r.Commands {
			ch := c.use(checks, t.Spec)
			c.tracked[r.Name] = append(c.tracked[r.Name], ch)
			// With another timing it is another check: its last verdict stays until it has one.
			for _, old := range before[r.Name] {
				if !ch.seen && old.seen && reflect.DeepEqual(old.spec.Options, t.Spec.Options) {
					ch.seen, ch.last = true, old.last
				}
			}
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
	if i := slices.IndexFunc(d.core.services, func(s *service) bool { return s.config.Name == name }); i >= 0 {
		var servers []string
		for _, a := range serverAddresses(d.core.services[i]) {
			servers = append(servers, a.String())
		}
		return nil, fmt.Errorf("virtual router %q: %w; there is a virtual service of that name (want one of its servers as well: %s)",
			name, control.ErrNotFound, list(servers))
	}
	return nil, fmt.Errorf("virtual router %q: %w (want %s)", name, control.ErrNotFound, list(known))
}

// Failover hands a router's addresses over and has it stand by, or no longer stand by,
// and its sync group with it.
func (d *daemon) Failover(ctx context.Context, name string, cancel bool) (out control.FailoverResult, err error) {
	out.Router = name
	if doErr := d.do(ctx, func() { _, err = d.findRouter(name) }); doErr != nil || err != nil {
		return out, cmp.Or(doErr, err)
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
		if s, known := d.snapshot(name); known {
			out.State = s.State.String()
			if s.Master.IsValid() {
				out.Master = s.Master.String()
			}
		}
		toSave, d.routers.changed = d.routers.saved, false
		d.startRouters() // a mastership process that must be started again knows it, too
	}); err != nil {
		return out, err
	}
	if err := toSave.save(d.dir); err != nil {
		return out, fmt.Errorf("done, but a restart will forget it: %w", err)
	}
	return out, nil
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
	case !d.routers.started && d.tableError != "":
		out.Why = "init: the kernel's table can't be brought in order, so this host is not fit to be master"
	case !d.routers.started:
		out.Why = "init: waiting for the first verdicts of the checks"
	case !known:
		out.Why = "init: the mastership process is starting, or is to be started again (the log says why)"
	default:
		out.State, out.Since, out.Why = s.State.String(), s.Since, s.State.String()+": "+s.Cause
		if s.PreemptsWhy != "" {
			out.Why += fmt.Sprintf("; puts up with a lesser master until %s (%s)", s.PreemptsAt.Local().Format(time.TimeOnly), s.PreemptsWhy)
		}
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
	for i, t := range r.Commands {
		switch ch := d.core.tracked[r.Name][i]; {
		case !ch.seen:
			out.Warnings = append(out.Warnings, fmt.Sprintf("the tracked command %s has not run yet: it counts as working", t.Name))
		case ch.last.Verdict == checker.Unknown:
			out.Warnings = append(out.Warnings, fmt.Sprintf("the tracked command %s has no verdict yet, and counts as working: %s", t.Name, cmp.Or(ch.last.Reason, "no reason")))
		}
	}
	for _, p := range d.routers.foreign[r.Name] {
		out.Warnings = append(out.Warnings, fmt.Sprintf("%s was on %s before, and was not put there by Mainstay: it stays where it is (ip address del %s dev %s, while this router is not master)",
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
