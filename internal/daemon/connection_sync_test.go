package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/config"
	"github.com/mainstay-lvs/mainstay/ipvs/kernel"
)

// fakeSync is the kernel's sync daemon: one thread of each role.
type fakeSync struct {
	table
	mu      sync.Mutex
	running []kernel.SyncDaemon
	log     []string
	refuse  error
}

func (f *fakeSync) note(format string, args ...any) {
	f.log = append(f.log, fmt.Sprintf(format, args...))
}

func (f *fakeSync) SyncDaemons() ([]kernel.SyncDaemon, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.running), f.refuse
}

// refuses has the kernel refuse everything, or no longer.
func (f *fakeSync) refuses(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse = err
}

func (f *fakeSync) StartSyncDaemon(d kernel.SyncDaemon) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note("+%d %s/%d", d.Role, d.Interface, d.ID)
	f.running = append(f.running, d)
	return nil
}

func (f *fakeSync) StopSyncDaemon(role kernel.SyncRole) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note("-%d", role)
	f.running = slices.DeleteFunc(f.running, func(d kernel.SyncDaemon) bool { return d.Role == role })
	return nil
}

// heard returns what was done since the last call, with the roles' names.
func (f *fakeSync) heard() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() { f.log = nil }()
	return strings.NewReplacer(
		fmt.Sprintf("+%d ", kernel.SyncMaster), "+master ", fmt.Sprintf("+%d ", kernel.SyncBackup), "+backup ",
		fmt.Sprintf("-%d", kernel.SyncMaster), "-master", fmt.Sprintf("-%d", kernel.SyncBackup), "-backup",
	).Replace(strings.Join(f.log, " "))
}

// The life of a router that becomes master, loses it, and is taken out of the file.
func TestTheSyncDaemonFollowsTheRouter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeSync{}
		c := newConnectionSync(f, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- c.Run(ctx) }()
		eth0 := config.ConnectionSync{Interface: "eth0", ID: 51}
		expect := func(what, want string) {
			t.Helper()
			synctest.Wait()
			if got := f.heard(); got != want {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
		}
		c.follow(syncWish{eth0, false, time.Now()})
		expect("a backup listens", "+backup eth0/51")
		time.Sleep(time.Minute)
		c.follow(syncWish{eth0, true, time.Now()})
		expect("a new master tells", "+master eth0/51")
		time.Sleep(2900 * time.Millisecond)
		expect("and listens on for 3 s", "")
		time.Sleep(200 * time.Millisecond)
		expect("then no longer", "-backup")
		time.Sleep(time.Minute)
		c.follow(syncWish{eth0, true, time.Now()})
		expect("nothing has changed", "")
		c.follow(syncWish{eth0, false, time.Now()})
		time.Sleep(2900 * time.Millisecond)
		expect("a former master tells on for 3 s", "")
		time.Sleep(200 * time.Millisecond)
		expect("then listens", "-master +backup eth0/51")
		f.refuses(errors.New("no"))
		c.follow(syncWish{eth0, true, time.Now()})
		expect("the kernel refuses", "")
		f.refuses(nil)
		time.Sleep(syncRetry + time.Millisecond)
		expect("and is asked again", "-backup +master eth0/51")
		c.forget()
		expect("no longer in the file", "-master")
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// What runs already, started by an earlier daemon or by ipvsadm, is asked for first.
func TestSyncStepsFromWhatRuns(t *testing.T) {
	now := time.Now()
	long := now.Add(-time.Hour)
	eth0 := config.ConnectionSync{Interface: "eth0", ID: 51}
	master, backup := kernel.SyncDaemon{Role: kernel.SyncMaster, Interface: "eth0", ID: 51}, kernel.SyncDaemon{Role: kernel.SyncBackup, Interface: "eth0", ID: 51}
	wrong := kernel.SyncDaemon{Role: kernel.SyncMaster, Interface: "eth1", ID: 7}
	for name, c := range map[string]struct {
		wish    syncWish
		running []kernel.SyncDaemon
		after   []kernel.SyncDaemon
	}{
		"a master that runs already":         {syncWish{eth0, true, long}, []kernel.SyncDaemon{master}, []kernel.SyncDaemon{master}},
		"a master on another interface":      {syncWish{eth0, true, long}, []kernel.SyncDaemon{wrong}, []kernel.SyncDaemon{master}},
		"both, for long":                     {syncWish{eth0, true, long}, []kernel.SyncDaemon{master, backup}, []kernel.SyncDaemon{master}},
		"both, and it is backup":             {syncWish{eth0, false, long}, []kernel.SyncDaemon{master, backup}, []kernel.SyncDaemon{backup}},
		"a backup that finds a master":       {syncWish{eth0, false, long}, []kernel.SyncDaemon{master}, []kernel.SyncDaemon{backup}},
		"a backup of late keeps the master":  {syncWish{eth0, false, now}, []kernel.SyncDaemon{master}, []kernel.SyncDaemon{master}},
		"a master of late keeps the backup":  {syncWish{eth0, true, now}, []kernel.SyncDaemon{backup}, []kernel.SyncDaemon{backup, master}},
		"a fault listens, where nothing ran": {syncWish{eth0, false, now}, nil, []kernel.SyncDaemon{backup}},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeSync{running: slices.Clone(c.running)}
			start, stop, _ := syncSteps(now, c.wish, f.running)
			for _, role := range stop {
				_ = f.StopSyncDaemon(role)
			}
			for _, d := range start {
				_ = f.StartSyncDaemon(d)
			}
			if !slices.Equal(f.running, c.after) {
				t.Errorf("%v, want %v", f.running, c.after)
			}
		})
	}
}
