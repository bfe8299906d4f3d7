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
)

// persistInterval is how often what changes by itself is saved: a crash loses at
// most so much of it.
const persistInterval = time.Second

// persist saves, as long as the daemon runs, what outlives it.
func (d *daemon) persist(ctx context.Context) error {
	tick := time.NewTicker(persistInterval)
	defer tick.Stop()
	var last decide.Memory
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			next, err := d.saveChanges(ctx, last)
			if err != nil && !errors.Is(err, errStopping) && ctx.Err() == nil {
				d.log.Error("state is not saved; it is tried again", "error", err)
			}
			last = next
		}
	}
}

// saveChanges saves drains and history if they differ from what was saved last.
func (d *daemon) saveChanges(ctx context.Context, last decide.Memory) (decide.Memory, error) {
	if d.dir == nil {
		return nil, nil
	}
	d.saving.Lock()
	defer d.saving.Unlock()
	var drains decide.Memory
	var changes *history
	if err := d.do(ctx, func() {
		drains = d.core.kept()
		if d.core.history.changed {
			changes, d.core.history.changed = d.core.history.copy(), false
		}
	}); err != nil {
		return last, err
	}
	if changes != nil {
		if err := d.dir.Save(historyFile, changes); err != nil {
			return last, errors.Join(err, d.do(ctx, func() { d.core.history.changed = true }))
		}
	}
	if reflect.DeepEqual(last, drains) {
		return last, nil
	}
	return drains, d.dir.Save(drainsFile, drains)
}

// saveAll saves everything, when the loop has ended.
func (d *daemon) saveAll() error {
	if d.dir == nil {
		return nil
	}
	return errors.Join(
		d.dir.Save(historyFile, d.core.history),
		d.dir.Save(drainsFile, d.core.kept()),
		d.dir.Save(overridesFile, d.core.overrides),
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
