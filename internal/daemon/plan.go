package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"time"

	"github.com/mainstay-lvs/mainstay/checker"
	"github.com/mainstay-lvs/mainstay/internal/config"
	"github.com/mainstay-lvs/mainstay/internal/control"
	"github.com/mainstay-lvs/mainstay/internal/state"
	"github.com/mainstay-lvs/mainstay/ipvs"
	"github.com/mainstay-lvs/mainstay/ipvs/kernel"
)

// Plan says what a file would change in the kernel's table where no daemon runs:
// with what was saved, and as if every check passed. It touches nothing.
func Plan(_ context.Context, name string) (control.Plan, error) {
	file, problems := load(name)
	if file == nil {
		return control.Plan{}, refused(problems.Errors)
	}
	here, err := state.ThisKernel()
	if err != nil {
		return control.Plan{}, err
	}
	saved, err := loadSaved(file.Director.StateDir, here, nil)
	if err != nil {
		return control.Plan{}, err
	}
	notes := append([]string{"no daemon was asked: every check is assumed to pass"}, saved.notes...)
	found, note, err := readTable()
	if err != nil {
		return control.Plan{}, err
	}
	notes = append(notes, note...)
	owned := make(map[ipvs.Key]bool)
	for _, key := range saved.owned {
		owned[key] = true
	}
	core := newCore(time.Now(), file.Services, found, saved.drains, saved.overrides, newHistory())
	core.assume()
	plan := core.plan(time.Now(), found, owned)
	plan.Notes = notes
	return plan, nil
}

// readTable reads the kernel's table once. A kernel without IPVS has an empty one, and
// a note says so.
func readTable() (found ipvs.Table, notes []string, err error) {
	conn, err := kernel.Open()
	if errors.Is(err, kernel.ErrNoIPVS) {
		return ipvs.Table{}, []string{err.Error() + ": its table counts as empty"}, nil
	}
	if err != nil {
		return ipvs.Table{}, nil, err
	}
	snapshot, err := conn.Read()
	return snapshot.Table, nil, errors.Join(err, conn.Close())
}

// Plan says what a file would change in the kernel's table, with the verdicts of the
// running checks; checks that do not run yet are assumed to pass. A daemon that
// observes is asked about the kernel's table all the same, not about the one that it
// would have made.
func (d *daemon) Plan(ctx context.Context, name string) (plan control.Plan, err error) {
	file, problems := load(name)
	if file == nil {
		return plan, refused(problems.Errors)
	}
	found, notes, err := d.foundTable()
	if err != nil {
		return plan, err
	}
	return plan, d.do(ctx, func() {
		now := time.Now()
		core := d.core.hypothetical(now, file, found)
		if assumed := core.assume(); assumed > 0 {
			notes = append(notes, count(assumed, "check")+" without a result yet: assumed to pass")
		}
		if !reflect.DeepEqual(file.Routers, d.file.Routers) {
			notes = append(notes, "the virtual routers of the file are not those in force: this is about the kernel's table only")
		}
		plan = core.plan(now, found, maps.Clone(d.owned))
		plan.Notes = notes
	})
}

// foundTable is the kernel's table, also where the daemon only observes.
func (d *daemon) foundTable() (ipvs.Table, []string, error) {
	if d.Observe {
		return readTable()
	}
	snapshot, err := d.table.Read()
	return snapshot.Table, nil, err
}

// hypothetical is a core that has taken in another file, while this one has not.
func (c *core) hypothetical(now time.Time, file *config.Config, found ipvs.Table) *core {
	h := &core{byKey: make(map[ipvs.Key]*service), checks: make(map[checker.Key]*check), overrides: c.overrides.copy(), history: newHistory()}
	for _, s := range c.services {
		same := *s
		h.byKey[s.config.Head.Key] = &same
	}
	for key, ch := range c.checks {
		same := *ch
		h.checks[key] = &same
	}
	h.reload(now, file.Services, found)
	return h
}

// assume has every check pass that has given no result, and every service judged. It
// returns how many checks those were.
func (c *core) assume() int {
	assumed := 0
	for _, ch := range c.checks {
		if !ch.seen {
			ch.seen, ch.last = true, checker.Event{Verdict: checker.Up, Percent: 100}
			assumed++
		}
	}
	for _, s := range c.services {
		s.settled = true
		c.touch(s)
	}
	return assumed
}

// plan decides, and compares the outcome with a kernel's table. Owned are the
// services there that are ours besides those of the file.
func (c *core) plan(now time.Time, found ipvs.Table, owned map[ipvs.Key]bool) control.Plan {
	c.decide(now)
	ours := func(k ipvs.Key) bool { return owned[k] || c.byKey[k] != nil }
	plan := control.Plan{Changes: []string{}, Foreign: []string{}}
	for _, change := range ipvs.Plan(found.Filter(ours), c.wanted()) {
		plan.Changes = append(plan.Changes, "ipvsadm "+change.String())
	}
	for _, s := range found.Services {
		if !ours(s.Key) {
			plan.Foreign = append(plan.Foreign, fmt.Sprintf("%s (%s, %d real servers)", s.Key, s.Scheduler, len(s.Servers)))
		}
	}
	return plan
}
