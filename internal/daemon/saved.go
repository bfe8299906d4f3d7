package daemon

import (
	"errors"
	"fmt"
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
	masters   savedMastership
	marks     savedMarks
	notes     []string // what was wrong with it, a sentence each
}

// loadSaved reads the state files of a folder. What is damaged counts as lost and is
// named; setAside, where there is one, moves it away. A file that is there and can't
// be read is an error: to take it for lost would undo what operators ordered.
func loadSaved(dir string, here state.Kernel, setAside func(name string) (string, error)) (saved, error) {
	s := saved{overrides: make(overrides), history: newHistory()}
	var failed []error
	load := func(name string, v any) (ok bool) {
		err := state.Load(dir, name, v)
		damaged := new(state.DamagedError)
		switch {
		case err == nil || errors.Is(err, fs.ErrNotExist):
		case !errors.As(err, &damaged):
			failed = append(failed, fmt.Errorf("the state file %s/%s can't be read: give it to the user that mainstay runs as (%w)", dir, name, err))
		case setAside == nil:
			s.notes = append(s.notes, damaged.Error()+"; it counts as lost")
		default:
			note := damaged.Error() + "; it counts as lost"
			if aside, err := setAside(name); err == nil {
				note += ", and was set aside as " + aside
			}
			s.notes = append(s.notes, note)
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
	if s.history.Routers == nil {
		s.history.Routers = newHistory().Routers
	}
	if !load(mastershipFile, &s.masters) {
		s.masters = savedMastership{}
	}
	if !load(marksFile, &s.marks) {
		s.marks = savedMarks{}
	}
	return s, errors.Join(failed...)
}

// saveOwned records which services are ours; it must be done before one is added.
func saveOwned(dir *state.Dir, here state.Kernel, owned map[ipvs.Key]bool) error {
	return dir.Save(state.OwnedFile, state.Owned{
		Kernel:   here,
		Services: slices.SortedFunc(maps.Keys(owned), ipvs.Key.Compare),
	})
}
