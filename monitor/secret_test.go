package monitor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadSecretFile(t *testing.T) {
	long := strings.Repeat("x", maxSecret)
	for _, c := range []struct {
		name, content string
		mode          os.FileMode
		want, err     string // PATH stands for the file's
	}{
		{"with a newline", secret + "\n", 0o600, secret, ""},
		{"without", secret, 0o400, secret, ""},
		{"readable by its group", secret, 0o640, secret, ""},
		{"two newlines", secret + "\n\n", 0o600, secret + "\n", ""},
		{"the longest", long + "\n", 0o600, long, ""},
		{"the shortest", long[:16], 0o600, long[:16], ""},
		{"too short", long[:15] + "\n", 0o600, "", "read secret PATH: it has 15 bytes without its final newline (16..4096 wanted)"},
		{"too long", long + "xx", 0o600, "", "read secret PATH: it has 4098 bytes without its final newline (16..4096 wanted)"},
		{"readable by others", secret, 0o604, "", "read secret PATH: its mode 0604 lets others at it: chmod 0640 or less"},
		{"writable by its group", secret, 0o620, "", "read secret PATH: its mode 0620 lets others at it: chmod 0640 or less"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			got, err := ReadSecretFile(path)
			said := ""
			if err != nil {
				said = strings.ReplaceAll(err.Error(), path, "PATH")
			}
			if string(got) != c.want || said != c.err {
				t.Errorf("read %q, error %s", got, said)
			}
		})
	}
	if _, err := ReadSecretFile(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestReadKeyFile(t *testing.T) {
	digits := strings.Repeat("0f", 32)
	for _, c := range []struct {
		content string
		mode    os.FileMode
		err     string // begins so; PATH stands for the file's
	}{
		{digits + "\n", 0o600, ""},
		{digits, 0o640, ""},
		{digits[1:] + "\n", 0o600, "read key PATH: not a key: "},
		{digits + "\n\n", 0o600, "read key PATH: not a key: "},
		{digits, 0o644, "read key PATH: its mode 0644 lets others at it: chmod 0640 or less"},
	} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		key, err := ReadKeyFile(path)
		said := ""
		if err != nil {
			said = strings.ReplaceAll(err.Error(), path, "PATH")
		}
		if !strings.HasPrefix(said, c.err) || (err == nil) != (c.err == "") || (err == nil && (len(key) != 32 || key[0] != 15)) {
			t.Errorf("%q: read %x, error %s", c.content, key, said)
		}
	}
	if _, err := ReadKeyFile(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}
