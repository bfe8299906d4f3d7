package house

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const program = "/usr/bin/mainstay"

// units are the files of systemd's units.
var units = []string{"mainstay.service", "mainstay-relay.service"}

// verify asks systemd what it finds wrong with a unit, and returns it. The program of
// the unit is replaced by one that is there.
func verify(t *testing.T, unit string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "mainstay.service")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(unit, program, self)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("systemd-analyze", "verify", "--man=no", file)
	// Its exit status does not tell of keys that it does not know: what it says does.
	said, err := cmd.CombinedOutput()
	if err != nil && len(said) == 0 {
		t.Fatalf("systemd-analyze (internal/lab/setup installs it): %v", err)
	}
	// Units of this host that ours only names may have troubles of their own.
	var ours strings.Builder
	for line := range strings.Lines(string(said)) {
		if strings.Contains(line, "mainstay") || err != nil {
			ours.WriteString(line)
		}
	}
	return ours.String()
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// systemd knows every directive of the units and every value.
func TestTheUnitsAreRight(t *testing.T) {
	for _, name := range units {
		if said := verify(t, readFile(t, "../../systemd/"+name)); said != "" {
			t.Errorf("%s: systemd says:\n%s", name, said)
		}
	}
}

// The test above would see what is wrong.
func TestAWrongUnitIsNoticed(t *testing.T) {
	unit := readFile(t, "../../systemd/mainstay.service")
	for _, c := range []struct{ right, wrong, said string }{
		{"KillMode=", "KilMode=", "Unknown key"},
		{"Type=notify", "Type=notified", "service type"},
		{"WatchdogSec=30s", "WatchdogSec=soon", "soon"},
		{program + " run", "/usr/bin/mainstray run", "not executable"},
	} {
		wrong := strings.Replace(unit, c.right, c.wrong, 1)
		if wrong == unit {
			t.Fatalf("the unit has no %s", c.right)
		}
		if said := verify(t, wrong); !strings.Contains(said, c.said) {
			t.Errorf("%s in place of %s: systemd says %q, want %q in it", c.wrong, c.right, said, c.said)
		}
	}
}

// What the daemon relies on: it tells systemd itself when it is ready, it is not root,
// and it has no capability but these two.
func TestTheUnitSaysWhatTheDaemonReliesOn(t *testing.T) {
	unit := readFile(t, "../../systemd/mainstay.service")
	for _, line := range []string{
		"Type=notify", "NotifyAccess=main", "User=mainstay", "KillMode=control-group", "NoNewPrivileges=yes",
		"ExecStart=" + program + " run", "ExecReload=" + program + " reload",
		"AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW", "CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW",
		"RuntimeDirectory=mainstay", "StateDirectory=mainstay", "Restart=always",
	} {
		if strings.Count(unit, "\n"+line+"\n") != 1 {
			t.Errorf("the unit does not say %s, once", line)
		}
	}
	if !regexp.MustCompile(`(?m)^WatchdogSec=\d+s$`).MatchString(unit) {
		t.Error("the unit has no watchdog")
	}
	// A command of a check may be any program.
	for _, breaks := range []string{
		"SystemCallFilter", "SystemCallArchitectures", "RestrictAddressFamilies", "RestrictNamespaces",
		"MemoryDenyWriteExecute", "PrivateNetwork", "PrivateTmp", "PrivateDevices", "PrivateUsers", "DynamicUser",
	} {
		if regexp.MustCompile(`(?m)^` + breaks + `=`).MatchString(unit) {
			t.Errorf("the unit has %s, which would break commands of checks, or the daemon", breaks)
		}
	}
}

// A relay tells systemd when it is ready, and has neither privileges nor anything to
// write to.
func TestTheRelaysUnitTakesAllPrivilegesAway(t *testing.T) {
	unit := readFile(t, "../../systemd/mainstay-relay.service")
	for _, line := range []string{
		"Type=notify", "NotifyAccess=main", "User=mainstay", "CapabilityBoundingSet=", "NoNewPrivileges=yes",
		"ExecStart=" + program + " relay --config /etc/mainstay/relay.yaml", "Restart=always", "ProtectSystem=strict",
		"RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
	} {
		if strings.Count(unit, "\n"+line+"\n") != 1 {
			t.Errorf("the unit does not say %s, once", line)
		}
	}
	if strings.Contains(unit, "AmbientCapabilities") {
		t.Error("the unit gives capabilities")
	}
}

// systemd makes the user and the folders, on a host that has nothing yet.
func TestUserAndFoldersAreMade(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{
		{"systemd-sysusers", "--root=" + root, absolute(t, "../../systemd/mainstay.sysusers")},
		{"systemd-tmpfiles", "--create", "--root=" + root, absolute(t, "../../systemd/mainstay.tmpfiles")},
	} {
		if said, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command[0], err, said)
		}
	}
	users := readFile(t, filepath.Join(root, "etc/passwd"))
	if !regexp.MustCompile(`(?m)^mainstay:.*:/var/lib/mainstay:/usr/sbin/nologin$`).MatchString(users) {
		t.Errorf("the users are\n%s", users)
	}
	for folder, mode := range map[string]os.FileMode{"etc/mainstay": 0o755, "run/mainstay": 0o750} {
		info, err := os.Stat(filepath.Join(root, folder))
		if err != nil {
			t.Error(err)
		} else if !info.IsDir() || info.Mode().Perm() != mode {
			t.Errorf("%s has mode %s, want a folder with %s", folder, info.Mode(), mode)
		}
	}
}

// Each line of modules-load is a module of IPVS.
func TestModulesAreNamesOfModules(t *testing.T) {
	first := true
	for line := range strings.Lines(readFile(t, "../../systemd/mainstay.modules-load")) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if want := `^ip_vs(_[a-z]+)?$`; !regexp.MustCompile(want).MatchString(line) || first && line != "ip_vs" {
			t.Errorf("%q (want ip_vs first, then its schedulers)", line)
		}
		first = false
	}
	if first {
		t.Error("no module is named")
	}
}

func absolute(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
