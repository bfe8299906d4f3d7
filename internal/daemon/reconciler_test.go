package daemon

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mainstay-lvs/mainstay/ipvs"
	"github.com/mainstay-lvs/mainstay/ipvs/kernel"
)

// fakeTable is a kernel's table with troubles. That its Apply does what the kernel
// does is shown by the tests of package ipvs/kernel.
type fakeTable struct {
	observed
	trouble sync.Mutex // guards what follows
	applied []string   // what was applied, in order
	refuse  string     // a change that has this in it is refused
	lose    int        // so many applies lose their answers, after doing half
	reads   func()     // called after each whole read
	broken  error
}

// set changes what troubles there are, or the table behind the daemon's back.
func (f *fakeTable) set(change func()) {
	f.trouble.Lock()
	defer f.trouble.Unlock()
	f.observed.mu.Lock()
	defer f.observed.mu.Unlock()
	change()
}

func (f *fakeTable) ReadServices(keys []ipvs.Key) (kernel.Snapshot, error) {
	f.trouble.Lock()
	defer f.trouble.Unlock()
	if f.broken != nil {
		return kernel.Snapshot{}, f.broken
	}
	s, err := f.observed.ReadServices(keys)
	s.Counters = make(map[ipvs.ServerKey]ipvs.Counters)
	for _, service := range s.Table.Services {
		for _, server := range service.Servers {
			s.Counters[ipvs.ServerKey{Service: service.Key, Address: server.Address}] = ipvs.Counters{Inactive: 1}
		}
	}
	if f.reads != nil {
		f.reads()
	}
	return s, err
}

func (f *fakeTable) Apply(changes []ipvs.Change) (failures []kernel.Failure, err error) {
	f.trouble.Lock()
	defer f.trouble.Unlock()
	if f.lose > 0 {
		f.lose--
		if _, err := f.observed.Apply(changes[:len(changes)/2]); err != nil {
			return nil, err
		}
		return nil, kernel.ErrOverrun
	}
	var taken []ipvs.Change
	for _, c := range changes {
		if f.refuse != "" && strings.Contains(c.String(), f.refuse) {
			failures = append(failures, kernel.Failure{Change: c, Err: unix.ENOENT})
			continue
		}
		f.applied = append(f.applied, c.String())
		taken = append(taken, c)
	}
	_, err = f.observed.Apply(taken)
	return failures, err
}

// play runs a reconciler in a bubble of virtual time.
func play(t *testing.T, f *fakeTable, scene func(r *reconciler, reports func() []report)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var got []report
		r := newReconciler(f, 30*time.Second, slog.New(slog.DiscardHandler), func(rep report) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, rep)
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		scene(r, func() []report {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			out := got
			got = nil
			return out
		})
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

const (
	one = "-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 192.0.2.7:80 -m -w 1\n"
	two = "-A -t 192.0.2.2:80 -s rr\n-a -t 192.0.2.2:80 -r 192.0.2.7:80 -m -w 1\n"
)

func holds(t *testing.T, f *fakeTable, want string) {
	t.Helper()
	snapshot, err := f.observed.Read()
	if err != nil {
		t.Fatal(err)
	}
	if got := snapshot.Table.String(); got != want {
		t.Errorf("the kernel holds\n%swant\n%s", got, want)
	}
}

func TestWhatIsWantedIsDoneAtOnce(t *testing.T) {
	f := &fakeTable{}
	play(t, f, func(r *reconciler, reports func() []report) {
		r.want(parseTable(t, one+two).Services, nil)
		if got := reports(); len(got) != 1 || len(got[0].done) != 2 || got[0].err != nil {
			t.Errorf("reports %+v", got)
		}
		holds(t, f, one+two)
		r.want(nil, []ipvs.Key{parseTable(t, one).Services[0].Key})
		if got := reports(); len(got) != 1 || len(got[0].removed) != 1 {
			t.Errorf("reports %+v", got)
		}
		holds(t, f, two)
	})
}

func TestForeignServicesAreNeverTouched(t *testing.T) {
	f := &fakeTable{observed: observed{table: parseTable(t, two)}}
	play(t, f, func(r *reconciler, reports func() []report) {
		r.want(parseTable(t, one).Services, nil)
		time.Sleep(5 * time.Minute) // ten audits
		reports()
		holds(t, f, one+two)
	})
}

func TestTheAuditMendsWhatAnotherProgramChanged(t *testing.T) {
	f := &fakeTable{}
	play(t, f, func(r *reconciler, reports func() []report) {
		r.want(parseTable(t, one).Services, nil)
		reports()
		f.set(func() { f.table = ipvs.Table{} })
		time.Sleep(29 * time.Second)
		reports()
		holds(t, f, "")
		time.Sleep(2 * time.Second)
		reports()
		holds(t, f, one)
	})
}

// The kernel's dumps can lie while another program writes: one reading is not enough.
func TestADifferenceThatASecondReadingDoesNotShowIsNotActedOn(t *testing.T) {
	f := &fakeTable{}
	play(t, f, func(r *reconciler, reports func() []report) {
		r.want(parseTable(t, one).Services, nil)
		reports()
		f.set(func() {
			f.applied = nil
			whole := f.table
			f.table = ipvs.Table{}
			f.reads = func() { f.table = whole } // it was there after all
		})
		time.Sleep(31 * time.Second)
		if got := reports(); len(got) != 1 || !got[0].clean {
			t.Errorf("reports %+v", got)
		}
		if len(f.applied) != 0 {
			t.Errorf("applied %v", f.applied)
		}
	})
}

func TestARefusedChangeIsReportedAndTriedAgainByTheAudit(t *testing.T) {
	f := &fakeTable{refuse: "-a -t 192.0.2.2:80"}
	play(t, f, func(r *reconciler, reports func() []report) {
		r.want(parseTable(t, one+two).Services, nil)
		got := reports()
		if len(got) != 1 || len(got[0].failures) != 1 || !strings.HasPrefix(got[0].failures[0].Error(), "ipvsadm -a -t 192.0.2.2:80 -r 192.0.2.7:80 -m -w 1: ") {
			t.Fatalf("reports %+v", got)
		}
		holds(t, f, one+"-A -t 192.0.2.2:80 -s rr\n")
		f.set(func() { f.refuse = "" })
		time.Sleep(31 * time.Second)
		if got := reports(); len(got) != 1 || len(got[0].failures) != 0 {
			t.Errorf("reports %+v", got)
		}
		holds(t, f, one+two)
	})
}

func TestLostAnswersMeanReadAndPlanAgain(t *testing.T) {
	f := &fakeTable{lose: 2}
	play(t, f, func(r *reconciler, reports func() []report) {
		r.want(parseTable(t, one+two).Services, nil)
		if got := reports(); len(got) != 1 || got[0].err != nil {
			t.Errorf("reports %+v", got)
		}
		holds(t, f, one+two)
	})
}

func TestATableThatCanNotBeReadIsReportedAndTriedAgain(t *testing.T) {
	f := &fakeTable{}
	play(t, f, func(r *reconciler, reports func() []report) {
		r.want(parseTable(t, one).Services, nil)
		reports()
		f.set(func() { f.broken = errors.New("no such luck") })
		time.Sleep(31 * time.Second)
		if got := reports(); len(got) != 1 || got[0].err == nil {
			t.Errorf("reports %+v", got)
		}
		f.set(func() { f.broken = nil })
		time.Sleep(30 * time.Second)
		if got := reports(); len(got) != 1 || !got[0].clean {
			t.Errorf("reports %+v", got)
		}
	})
}

// A drain must not be taken for over by counts of a server that still had its weight.
func TestOnlyServersWithWeightZeroAreCounted(t *testing.T) {
	f := &fakeTable{}
	play(t, f, func(r *reconciler, reports func() []report) {
		r.want(parseTable(t, one+"-a -t 192.0.2.1:80 -r 192.0.2.8:80 -m -w 0\n").Services, nil)
		reports()
		r.countConnections([]ipvs.Key{parseTable(t, one).Services[0].Key})
		got := reports()
		if len(got) != 1 || len(got[0].counters) != 1 || got[0].at.IsZero() {
			t.Fatalf("reports %+v", got)
		}
		for key := range got[0].counters {
			if key.Address.String() != "192.0.2.8:80" {
				t.Errorf("counted %s", key)
			}
		}
	})
}

// What is wanted while an audit reads is no other program's doing.
func TestWhatIsWantedDuringAnAuditIsNotRepaired(t *testing.T) {
	f := &fakeTable{}
	var log strings.Builder
	play(t, f, func(r *reconciler, reports func() []report) {
		r.log = slog.New(slog.NewTextHandler(&log, nil))
		r.want(parseTable(t, one).Services, nil)
		reports()
		heavier := parseTable(t, strings.Replace(one, "-w 1", "-w 9", 1))
		f.set(func() {
			f.reads = func() {
				f.reads = nil
				r.want(heavier.Services, nil)
			}
		})
		time.Sleep(31 * time.Second)
		reports()
		holds(t, f, heavier.String())
	})
	if strings.Contains(log.String(), "another program") {
		t.Errorf("it was taken for another program's change:\n%s", log.String())
	}
}

func TestAnotherIntervalTakesEffectAtOnce(t *testing.T) {
	f := &fakeTable{}
	play(t, f, func(r *reconciler, reports func() []report) {
		r.want(parseTable(t, one).Services, nil)
		reports()
		r.setInterval(time.Second)
		reports()
		f.set(func() { f.table = ipvs.Table{} })
		time.Sleep(1500 * time.Millisecond)
		reports()
		holds(t, f, one)
	})
}

func TestTheEndSaysWhatCouldNotBeDone(t *testing.T) {
	f := &fakeTable{observed: observed{table: parseTable(t, one+two)}, refuse: "-D -t 192.0.2.2:80"}
	r := newReconciler(f, time.Hour, slog.New(slog.DiscardHandler), func(report) {})
	for _, s := range parseTable(t, one+two).Services {
		r.want(nil, []ipvs.Key{s.Key})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	left, err := r.left()
	if len(left) != 1 || !left[parseTable(t, two).Services[0].Key] || !strings.Contains(err.Error(), "ipvsadm -D -t 192.0.2.2:80") {
		t.Errorf("left %v because of %v", left, err)
	}
}

// After three tries in a row the next audit goes on.
func TestAnswersThatAreLostAgainAndAgain(t *testing.T) {
	f := &fakeTable{lose: 10}
	play(t, f, func(r *reconciler, reports func() []report) {
		r.want(parseTable(t, one+two).Services, nil)
		if got := reports(); len(got) != 1 || !errors.Is(got[0].err, kernel.ErrOverrun) {
			t.Errorf("reports %+v", got)
		}
		f.set(func() { f.lose = 0 })
		time.Sleep(31 * time.Second)
		reports()
		holds(t, f, one+two)
	})
}

func TestWhatWasWantedBeforeTheEndIsDone(t *testing.T) {
	f := &fakeTable{observed: observed{table: parseTable(t, one)}}
	r := newReconciler(f, time.Hour, slog.New(slog.DiscardHandler), func(report) {})
	r.want(nil, []ipvs.Key{parseTable(t, one).Services[0].Key})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	holds(t, f, "")
}
