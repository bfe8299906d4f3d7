package daemon

import (
	"errors"
	"io/fs"
	"maps"
	"slices"

	"github.com/mainstay-lvs/mainstay/internal/decide"
	"github.com/mainstay-lvs/mainstay/internal/state"
	"github.com/mainstay-lvs/mainstay/ipvs"
)

// drainsFile is the state file of what package decide must know over a restart.
const drainsFile = "drains.json"

// saved is what the state folder holds.
type saved struct {
	owned     []ipvs.Key // in this kernel's table
	lost      bool       // there is no record of what is ours there
	overrides overrides
	drains    decide.Memory
	history   *history
	notes     []string // what was wrong with it, a sentence each
}

// loadSaved reads the state files of a folder. What is damaged counts as lost and is
// named; setAside, where there is one, moves it away.
func loadSaved(dir string, here state.Kernel, setAside func(name string) (string, error)) saved {
	s := saved{overrides: make(overrides), history: newHistory()}
	load := func(name string, v any) (ok bool) {
		err := state.Load(dir, name, v)
		if damaged := new(state.DamagedError); errors.As(err, &damaged) && setAside != nil {
			note := damaged.Error() + "; it counts as lost"
			if aside, err := setAside(name); err == nil {
				note += ", and was set aside as " + aside
			}
			s.notes = append(s.notes, note)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.notes = append(s.notes, err.Error()+"; it counts as lost")
		}
		return err == nil
	}
	var owned state.Owned
	switch {
	case !load(state.OwnedFile, &owned):
		s.lost = true
	case owned.Kernel == here:
		s.owned = owned.Services
	}
	if !load(overridesFile, &s.overrides) || s.overrides == nil {
		s.overrides = make(overrides)
	}
	if !load(drainsFile, &s.drains) {
		s.drains = nil
	}
	if !load(historyFile, s.history) || s.history.Servers == nil {
		s.history = newHistory()
	}
	return s
}

// saveOwned records which services are ours; it must be done before one is added.
func saveOwned(dir *state.Dir, here state.Kernel, owned map[ipvs.Key]bool) error {
	return dir.Save(state.OwnedFile, state.Owned{
		Kernel:   here,
		Services: slices.SortedFunc(maps.Keys(owned), ipvs.Key.Compare),
	})
}
