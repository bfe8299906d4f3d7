package daemon

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/control"
	"github.com/mainstay-lvs/mainstay/internal/decide"
	"github.com/mainstay-lvs/mainstay/ipvs"
)

const (
	// persistInterval is how often what changes by itself is saved: a crash loses
	// at most so much of it.
	persistInterval = time.Second
	// historyInterval is the same for the history, which is large and only told.
	historyInterval = time.Minute
)

// turn lets one at a time go on, and others give up waiting.
type turn chan struct{}

// take waits for the turn until the context ends.
func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// give gives it to the next.
func (t turn) give() { <-t }

// persist saves, as long as the daemon runs, what outlives it.
func (d *daemon) persist(ctx context.Context) error {
	if d.dir == nil {
		<-ctx.Done()
		return nil
	}
	changes, history := time.NewTicker(persistInterval), time.NewTicker(historyInterval)
	defer changes.Stop()
	defer history.Stop()
	var last decide.Memory
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-changes.C:
			last, err = d.saveChanges(ctx, last)
		case <-history.C:
			err = d.saveHistory(ctx)
		}
		if err != nil && !errors.Is(err, errStopping) && ctx.Err() == nil {
			d.log.Error("state is not saved; it is tried again", "error", err)
		}
	}
}

// saveChanges saves the drains, if they differ from what was saved last, and what is
// ours, if that has changed. It returns the drains that are saved now.
func (d *daemon) saveChanges(ctx context.Context, last decide.Memory) (decide.Memory, error) {
	if err := d.saving.take(ctx); err != nil {
		return last, err
	}
	defer d.saving.give()
	var drains decide.Memory
	var owned map[ipvs.Key]bool
	var masters *savedMastership
	if err := d.do(ctx, func() {
		if d.routers.changed {
			d.routers.changed = false
			saved := d.routers.saved
			masters = &saved
		}
		drains = d.core.kept()
		if d.ownedChanged {
			owned, d.ownedChanged = maps.Clone(d.owned), false
		}
	}); err != nil {
		return last, err
	}
	var errs []error
	if !reflect.DeepEqual(last, drains) {
		if err := d.dir.Save(drainsFile, drains); err != nil {
			errs, drains = append(errs, err), last
		}
	}
	if masters != nil {
		if err := masters.save(d.dir); err != nil {
			errs = append(errs, err, d.do(ctx, func() { d.routers.changed = true }))
		}
	}
	if owned != nil {
		if err := d.saveOwned(owned); err != nil {
			errs = append(errs, err, d.do(ctx, func() { d.ownedChanged = true }))
		}
	}
	return drains, errors.Join(errs...)
}

// saveHistory saves the history, if it has changed.
func (d *daemon) saveHistory(ctx context.Context) error {
	var changes *history
	if err := d.do(ctx, func() {
		if d.core.history.changed {
			changes, d.core.history.changed = d.core.history.copy(), false
		}
	}); err != nil || changes == nil {
		return err
	}
	if err := d.dir.Save(historyFile, changes); err != nil {
		return errors.Join(err, d.do(ctx, func() { d.core.history.changed = true }))
	}
	return nil
}

// saveAll saves everything, when the loop has ended.
func (d *daemon) saveAll() error {
	if d.dir == nil {
		return nil
	}
	return errors.Join(
		d.saveOwned(d.owned),
		d.dir.Save(historyFile, d.core.history),
		d.dir.Save(drainsFile, d.core.kept()),
		d.dir.Save(overridesFile, d.core.overrides),
		d.saveLastMarks(),
	)
}

// copy returns a copy that the loop's further changes do not touch. The lists are
// replaced or appended to by the loop, and their last entry may be: they are copied.
func (h *history) copy() *history {
	c := newHistory()
	for service, servers := range h.Servers {
		c.Servers[service] = make(map[string][]control.Change, len(servers))
		for server, list := range servers {
			c.Servers[service][server] = slices.Clone(list)
		}
	}
	for name, list := range h.Routers {
		c.Routers[name] = slices.Clone(list)
	}
	return c
}

// copy returns a copy that further orders do not touch.
func (o overrides) copy() overrides {
	c := make(overrides, len(o))
	for service, servers := range o {
		c[service] = maps.Clone(servers)
	}
	return c
}
