package state_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mainstay-lvs/mainstay/internal/state"
	"github.com/mainstay-lvs/mainstay/ipvs"
)

func open(t *testing.T) *state.Dir {
	t.Helper()
	d, err := state.Open(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func TestWhatIsSavedIsLoaded(t *testing.T) {
	d := open(t)
	want := state.Owned{
		Kernel:   state.Kernel{BootID: "boot", Namespace: 1<<64 - 1},
		Services: []ipvs.Key{ipvs.AddressKey(ipvs.TCP, netip.MustParseAddrPort("[2001:db8::1]:80")), ipvs.MarkKey(7, ipvs.IPv6)},
	}
	for range 2 { // the second time over the first
		if err := d.Save(state.OwnedFile, want); err != nil {
			t.Fatal(err)
		}
		var got state.Owned
		if err := d.Load(state.OwnedFile, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateComparable(ipvs.Key{})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	entries, err := os.ReadDir(d.Path())
	if err != nil || len(entries) != 2 { // the lock and the file
		t.Errorf("%v, error %v", entries, err)
	}
}

func TestAFileThatIsNotThere(t *testing.T) {
	if err := open(t).Load("nothing.json", new(int)); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestADamagedFileIsNamedAndCanBeSetAside(t *testing.T) {
	for name, text := range map[string]string{
		"cut off":       `{"kernel": {"boot_id": "x"`,
		"empty":         "",
		"another type":  `[]`,
		"more after it": `{"services": []} {}`,
		"a bad key":     `{"services": ["nonsense"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			file := filepath.Join(d.Path(), state.OwnedFile)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			err := d.Load(state.OwnedFile, new(state.Owned))
			if damaged := new(state.DamagedError); !errors.As(err, &damaged) || damaged.File != file {
				t.Fatalf("got %v", err)
			}
			aside, err := d.SetAside(state.OwnedFile)
			if err != nil {
				t.Fatal(err)
			}
			if kept, err := os.ReadFile(aside); err != nil || string(kept) != text {
				t.Errorf("set aside: %q, error %v", kept, err)
			}
			if err := d.Load(state.OwnedFile, new(state.Owned)); !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
		})
	}
}

// A file of a later version is read as far as it is understood.
func TestAnUnknownFieldIsPassedOver(t *testing.T) {
	d := open(t)
	if err := os.WriteFile(filepath.Join(d.Path(), state.OwnedFile), []byte(`{"services": ["192.0.2.1:80/tcp"], "more": 1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	var got state.Owned
	if err := d.Load(state.OwnedFile, &got); err != nil || len(got.Services) != 1 {
		t.Errorf("%+v, error %v", got, err)
	}
}

// What was there stays when a file is damaged, also where it can be read in part.
func TestADamagedFileLeavesTheValueAlone(t *testing.T) {
	d := open(t)
	if err := os.WriteFile(filepath.Join(d.Path(), state.OwnedFile), []byte(`{"kernel": {"boot_id": "new"}, "services": 7}`), 0o600); err != nil {
		t.Fatal(err)
	}
	got := state.Owned{Kernel: state.Kernel{BootID: "old"}}
	if err := d.Load(state.OwnedFile, &got); err == nil || got.Kernel.BootID != "old" {
		t.Errorf("%+v, error %v", got, err)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	d := open(t)
	if _, err := state.Open(d.Path()); !errors.Is(err, state.ErrInUse) {
		t.Errorf("a second one got %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := state.Open(d.Path())
	if err != nil {
		t.Fatal(err)
	}
	_ = again.Close()
}

// A folder of another user is refused with what to do. Run as root, the test does
// so as nobody.
func TestAFolderThatCanNotBeWritten(t *testing.T) {
	if dir := os.Getenv("MAINSTAY_TEST_STATE_DIR"); dir != "" {
		_, err := state.Open(dir)
		_ = json.NewEncoder(os.Stdout).Encode(err.Error())
		return
	}
	for name, dir := range map[string]string{
		"it is another's":          "/usr",
		"its parent is not there":  "/nonesuch/state",
		"its parent is another's":  "/usr/mainstay-state",
		"it is a file, not folder": "/etc/passwd",
	} {
		t.Run(name, func(t *testing.T) {
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			argv := []string{self, "-test.run=" + "^TestAFolderThatCanNotBeWritten$"}
			if os.Getuid() == 0 {
				// The test binary lies where nobody may not look.
				copied := filepath.Join(shared(t), "test")
				if err := exec.Command("cp", self, copied).Run(); err != nil {
					t.Fatal(err)
				}
				argv[0] = copied
				argv = append([]string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}, argv...)
			}
			cmd := exec.Command(argv[0], argv[1:]...)
			cmd.Env = append(os.Environ(), "MAINSTAY_TEST_STATE_DIR="+dir)
			cmd.Dir = "/"
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if !strings.Contains(string(out), "the state folder "+dir+" can't be written (") || !strings.Contains(string(out), "director.state_dir") {
				t.Errorf("got %s", out)
			}
		})
	}
}

// shared is a folder that every user may enter.
func shared(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "mainstay-state-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestThisKernel(t *testing.T) {
	k, err := state.ThisKernel()
	if err != nil || len(k.BootID) != 36 || k.Namespace == 0 {
		t.Errorf("%+v, error %v", k, err)
	}
}
