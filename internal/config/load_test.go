package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A file of this host is read with the files that it names.
func TestLoad(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "fleet.key")
	program := filepath.Join(dir, "ok")
	for _, f := range []struct {
		path, text string
		mode       os.FileMode
	}{{key, fleetKey + "\n", 0o600}, {program, "#!/bin/sh\n", 0o755}} {
		if err := os.WriteFile(f.path, []byte(f.text), f.mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(f.path, f.mode); err != nil { // whatever the umask
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "m.yaml")
	text := "director: {command_user: USER}\nsecrets: {fleet: {file: " + key + "}}\nchecks: {ok: {command: [" + program + "]}}\n"
	host := ThisHost{}
	name := "nobody"
	if _, err := host.LookupUser(name); err != nil {
		t.Fatalf("this host has no user %s", name)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(text, "USER", name, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	c, problems := Load(path)
	if err := problems.Err(); err != nil || len(problems.Warnings) > 0 {
		t.Fatal(err, problems.Warnings)
	}
	hostName, err := host.Name()
	if err != nil || c.Director.Name != hostName {
		t.Errorf("director is %q, and the host %q (%v)", c.Director.Name, hostName, err)
	}

	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(program, 0o757); err != nil {
		t.Fatal(err)
	}
	_, problems = Load(path)
	want := []string{
		path + ":2:25: secrets.fleet.file: " + key + " has mode 0644: it is open to every user (want it closed: chmod 0640 " + key + ")",
		path + ":3:25: checks.ok.command[0]: " + program + " has mode 0757: others may write it (want it closed: chmod go-w " + program + ")",
	}
	if got := problems.Err(); got == nil || got.Error() != strings.Join(want, "\n") {
		t.Errorf("got\n%v\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestLookupUser(t *testing.T) {
	if uid, err := (ThisHost{}).LookupUser("root"); err != nil || uid != 0 {
		t.Errorf("root is %d, %v", uid, err)
	}
	if uid, err := (ThisHost{}).LookupUser("no such user"); err == nil {
		t.Errorf("a user that is not there is %d", uid)
	}
}

// What YAML refuses is reported with the line that is wrong, not with the one
// where the list or mapping around it began.
func TestLineOfYAMLErrors(t *testing.T) {
	const before = "director:\n  name: lb-a\nvirtual_services:\n  - name: web\n" // 4 lines
	for _, tc := range []struct {
		name, text string
		line       int
	}{
		{"first line", "a: b: c\n", 1},
		{"IPv6 in a mapping", before + "    address: [2001:db8::100]:80/tcp\n    forward: nat\n    checks: [tcp]\n", 5},
		{"IPv6 in a list", before + "    real_servers:\n      - 192.0.2.21\n      - [2001:db8::1]:80\n      - 192.0.2.22\n", 7},
		{"after a list of several lines", before + "    checks: [tcp,\n      http]\n    address: [2001:db8::100]:80/tcp\n    forward: nat\n", 7},
		{"a list that is not closed", before + "    checks: [tcp\n    forward: nat\n    quorum: 1\n", 5},
		{"a list that is not closed, after one that is", before + "    real_servers: [a,\n      b]\n    checks: [tcp\n    forward: nat\n", 7},
		{"a text that is not closed", before + "    address: 'x\n    forward: nat\n    quorum: 1\n", 5},
		{"an escape", before + "    address: \"\\q\"\n    forward: nat\n", 5},
		{"an indentation", before + "    address: x\n     forward: nat\n", 6},
		{"a stray bracket", before + "    address: x\n]\n", 6},
		{"no colon", before + "    address x\n    forward: nat\n", 5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, problems := Parse("m.yaml", []byte(tc.text), newHost())
			if len(problems.Errors) != 1 || len(problems.Warnings) != 0 {
				t.Fatalf("not reported alone: %v", problems)
			}
			if p := problems.Errors[0]; p.Line != tc.line || p.Column != 0 || p.Path != "" {
				t.Errorf("%s: want line %d", p, tc.line)
			}
		})
	}
}

// A large file is not parsed again and again to find the line: where that would
// take long, the parser's own line has to do.
func TestLineOfAnErrorInALargeFile(t *testing.T) {
	text := "# " + strings.Repeat("x", 5<<20) + "\ndirector:\n  name: 'lb-a\n" + strings.Repeat("  x\n", 1000)
	_, problems := Parse("m.yaml", []byte(text), newHost())
	if len(problems.Errors) != 1 || problems.Errors[0].Line != 3 {
		t.Errorf("got %v, want one error in line 3", problems.Errors)
	}
}
