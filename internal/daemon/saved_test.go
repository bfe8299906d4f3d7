package daemon

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mainstay-lvs/mainstay/checker"
	"github.com/mainstay-lvs/mainstay/internal/config"
	"github.com/mainstay-lvs/mainstay/internal/control"
	"github.com/mainstay-lvs/mainstay/internal/state"
	"github.com/mainstay-lvs/mainstay/ipvs"
)

// stopped is a daemon whose loop answers, but which runs nothing else.
func stopped(t *testing.T, file *config.Config) *daemon {
	t.Helper()
	dir, err := state.Open(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.Close() })
	d := &daemon{dir: dir, saving: make(turn, 1), log: slog.New(slog.DiscardHandler)}
	d.loop = newLoop(file, saved{})
	d.core = begin(t, file, "")
	d.rec = newReconciler(&observed{}, time.Hour, d.log, d.deliver)
	quit := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case order := <-d.orders:
				order()
			case <-quit:
				return
			}
		}
	}()
	t.Cleanup(func() { close(quit); <-done })
	return d
}

func (d *daemon) savedOwned(t *testing.T) string {
	t.Helper()
	var owned state.Owned
	if err := d.dir.Load(state.OwnedFile, &owned); err != nil {
		return err.Error()
	}
	var keys []string
	for _, k := range owned.Services {
		keys = append(keys, k.String())
	}
	return strings.Join(keys, " ")
}

// A service that left the kernel while a reload was being prepared stays out of what
// is ours: somebody else may add it later.
func TestAReloadDoesNotBringBackWhatIsNoLongerOurs(t *testing.T) {
	gone := ipvs.AddressKey(ipvs.TCP, web(t, "192.0.2.21").Services[0].Head.Address)
	gone.Address = parseTable(t, "-A -t 192.0.2.99:80 -s rr").Services[0].Address
	d := stopped(t, web(t, "192.0.2.21"))
	d.owned[gone] = true

	d.disown([]ipvs.Key{gone})
	d.apply(start, web(t, "192.0.2.21"), nil, ipvs.Table{})
	if d.owned[gone] {
		t.Error("it is ours again")
	}
	if _, err := d.saveChanges(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if got := d.savedOwned(t); got != "192.0.2.100:80/tcp" {
		t.Errorf("saved as ours: %s", got)
	}
}

// What could not be saved is saved when it can be.
func TestAFailedSaveIsTriedAgain(t *testing.T) {
	d := stopped(t, web(t, "192.0.2.21, 192.0.2.22"))
	d.core.result(t, start, "192.0.2.21:80", checker.Up)
	d.core.result(t, start, "192.0.2.22:80", checker.Up)
	d.core.decide(start)
	if err := d.core.overrides.set(start, ipvs.ServerKey{Service: d.core.services[0].config.Head.Key, Address: d.core.services[0].config.Servers[0].Address}, control.Override{State: "drain"}); err != nil {
		t.Fatal(err)
	}
	d.core.touch(d.core.services[0])
	d.core.decide(start)
	d.ownedChanged = true

	aside := d.dir.Path() + ".aside"
	if err := os.Rename(d.dir.Path(), aside); err != nil {
		t.Fatal(err)
	}
	last, err := d.saveChanges(t.Context(), nil)
	if err == nil || last != nil {
		t.Fatalf("saved %v into a folder that is not there, error %v", last, err)
	}
	if err := os.Rename(aside, d.dir.Path()); err != nil {
		t.Fatal(err)
	}
	last, err = d.saveChanges(t.Context(), last)
	if err != nil || len(last) != 1 {
		t.Fatalf("saved %v, error %v", last, err)
	}
	got, err := loadSaved(d.dir.Path(), d.kernel, nil)
	if err != nil || len(got.drains) != 1 || len(got.owned) != 1 {
		t.Errorf("%+v, error %v", got, err)
	}
}

// A state file that is there and can't be read keeps the daemon from starting: to take
// it for lost would undo what operators ordered.
func TestAStateFileThatCanNotBeRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, overridesFile), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := loadSaved(dir, state.Kernel{}, nil)
	if err == nil || !strings.Contains(err.Error(), "overrides.json can't be read: give it to the user that mainstay runs as") {
		t.Errorf("got %v", err)
	}
}

// The table of another boot, or of another network namespace, holds nothing of ours.
func TestWhatIsOursIsOursInOneKernelOnly(t *testing.T) {
	d := stopped(t, web(t, "192.0.2.21"))
	d.kernel = state.Kernel{BootID: "one", Namespace: 1}
	if err := d.saveOwned(d.owned); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		here state.Kernel
		want int
	}{
		{state.Kernel{BootID: "one", Namespace: 1}, 1},
		{state.Kernel{BootID: "two", Namespace: 1}, 0},
		{state.Kernel{BootID: "one", Namespace: 2}, 0},
	} {
		got, err := loadSaved(d.dir.Path(), c.here, nil)
		if err != nil || len(got.owned) != c.want || got.lost {
			t.Errorf("in %+v: %+v, error %v", c.here, got, err)
		}
	}
}

func TestWhatAReloadDoesNotChange(t *testing.T) {
	started := config.Director{StateDir: "/a", ControlSocket: "/s"}
	for _, c := range []struct {
		now  config.Director
		want int
	}{
		{started, 0},
		{config.Director{StateDir: "/b", ControlSocket: "/s"}, 1},
		{config.Director{StateDir: "/b", ControlSocket: "/t", CommandUser: "nobody"}, 3},
	} {
		got := notByReload(started, c.now)
		if len(got) != c.want || len(got) > 0 && !strings.Contains(strings.Join(got, "\n"), `it is "/a" until mainstay is restarted`) {
			t.Errorf("%+v: %q", c.now, got)
		}
	}
}

// Without virtual routers, or where it only observes, the loop waits for events and not
// for the time at which routers would begin.
func TestNothingToDoIsNothingDone(t *testing.T) {
	now := time.Now()
	d := &daemon{}
	d.loop = newLoop(&config.Config{}, saved{})
	d.core = newCore(now, nil, ipvs.Table{}, nil, make(overrides), newHistory())
	d.ready, d.routers.leaveInit = true, now.Add(-time.Second)
	if got := d.wait(now); got != time.Hour {
		t.Errorf("it waits for %v", got)
	}
}
