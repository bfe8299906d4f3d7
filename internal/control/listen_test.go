package control

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// umask sets the process's umask until the test ends.
func umask(t *testing.T, mask int) {
	t.Helper()
	old := unix.Umask(mask)
	t.Cleanup(func() { unix.Umask(old) })
}

func modeOf(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode()
}

func TestSocketIsNeverWiderThanItsGroup(t *testing.T) {
	umask(t, 0)
	path := socketIn(t)
	l, err := bind(path) // its mode before any chmod
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got, want := modeOf(t, path), fs.ModeSocket|0o660; got != want {
		t.Errorf("after bind with umask 0 the socket is %v, want %v", got, want)
	}
}

func TestListenGivesTheGroupItsPartUnderAnyUmask(t *testing.T) {
	for _, mask := range []int{0, 0o022, 0o077, 0o777} {
		umask(t, mask)
		path := socketIn(t)
		l, err := Listen(path)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := modeOf(t, path), fs.ModeSocket|0o660; got != want {
			t.Errorf("umask %04o: the socket is %v, want %v", mask, got, want)
		}
		l.Close()
	}
}

// leaveStale leaves a socket on which nobody listens.
func leaveStale(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
}

func TestListenReplacesAStaleSocket(t *testing.T) {
	path := socketIn(t)
	leaveStale(t, path)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestListenTakesTheLongestPathThatThereIs(t *testing.T) {
	dir := folder(t)
	path := filepath.Join(dir, strings.Repeat("x", maxSocketPath-len(dir)-1))
	l, err := Listen(path)
	if err != nil {
		t.Fatalf("a path of %d bytes: %v", len(path), err)
	}
	l.Close()
}

func TestClosingRemovesTheSocketAndNothingElse(t *testing.T) {
	path := socketIn(t)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Close the socket is still there: %v", err)
	}

	l, err = Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("a file of somebody else was removed: %v", err)
	}
}

// Each row is something that stands in the way, and the one sentence about it.
func TestListenSaysWhatStandsInTheWay(t *testing.T) {
	tests := []struct {
		name string
		at   func(t *testing.T, dir string) string // prepares, and returns the path
		want string                                // DIR stands for the folder
	}{
		{
			"another mainstay",
			func(t *testing.T, dir string) string {
				l, err := Listen(dir + "/s")
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { l.Close() })
				return dir + "/s"
			},
			"another mainstay listens on DIR/s: stop it, or give this one another director.control_socket",
		},
		{
			"another mainstay with a full queue",
			func(t *testing.T, dir string) string {
				fillQueue(t, dir+"/s")
				return dir + "/s"
			},
			"another mainstay listens on DIR/s: stop it, or give this one another director.control_socket",
		},
		{
			"a folder that is missing",
			func(_ *testing.T, dir string) string { return dir + "/run/s" },
			"the folder of the control socket, DIR/run, is missing: create it (under systemd: RuntimeDirectory=mainstay), or set director.control_socket to another path",
		},
		{
			"a file in the folder's place",
			func(t *testing.T, dir string) string {
				writeFile(t, dir+"/run")
				return dir + "/run/s"
			},
			"the folder of the control socket, DIR/run, is not a folder: set director.control_socket to another path",
		},
		{
			"a file",
			func(t *testing.T, dir string) string {
				writeFile(t, dir+"/s")
				return dir + "/s"
			},
			"DIR/s is not a socket but a file: move it away, or set director.control_socket to another path",
		},
		{
			"a folder",
			func(_ *testing.T, dir string) string { return dir },
			"DIR is not a socket but a folder: move it away, or set director.control_socket to another path",
		},
		{
			"a symbolic link, even to a stale socket",
			func(t *testing.T, dir string) string {
				leaveStale(t, dir+"/stale")
				if err := os.Symlink("stale", dir+"/s"); err != nil {
					t.Fatal(err)
				}
				return dir + "/s"
			},
			"DIR/s is not a socket but a symbolic link: move it away, or set director.control_socket to another path",
		},
		{
			"a pipe",
			func(t *testing.T, dir string) string {
				if err := unix.Mkfifo(dir+"/s", 0o600); err != nil {
					t.Fatal(err)
				}
				return dir + "/s"
			},
			"DIR/s is not a socket but a pipe: move it away, or set director.control_socket to another path",
		},
		{
			"a socket for datagrams",
			func(t *testing.T, dir string) string {
				c, err := net.ListenPacket("unixgram", dir+"/s")
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { c.Close() })
				return dir + "/s"
			},
			"DIR/s is a socket of another program: move it away, or set director.control_socket to another path",
		},
		{
			"a path that is too long",
			func(*testing.T, string) string { return "/" + strings.Repeat("x", maxSocketPath) },
			"the control socket's path /" + strings.Repeat("x", maxSocketPath) + " has 108 bytes, and a socket's has 107 at most: set director.control_socket to another path",
		},
		{
			"no path",
			func(*testing.T, string) string { return "" },
			"the path of the control socket is empty: set director.control_socket to another path",
		},
		{
			"a socket without a file, which has no mode",
			func(*testing.T, string) string { return "@mainstay" },
			`the control socket "@mainstay" is not the path of a file: set director.control_socket to another path`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := folder(t)
			path := tt.at(t, dir)
			before, _ := os.Lstat(path)
			l, err := Listen(path)
			if err == nil {
				l.Close()
				t.Fatal("no error")
			}
			if got := strings.ReplaceAll(err.Error(), dir, "DIR"); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if after, _ := os.Lstat(path); before != nil && (after == nil || !os.SameFile(before, after)) {
				t.Errorf("what was at %s is gone", path)
			}
		})
	}
}

func writeFile(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// fillQueue listens on a path and fills its queue of connections.
func fillQueue(t *testing.T, path string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	for {
		conn, err := net.Dial("unix", path)
		if errors.Is(err, unix.EAGAIN) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
	}
}

// asNobody runs f without a right to files of others, whoever runs the test.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	// The user for files is a property of a thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Setfsuid(65534); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Setfsuid(0); err != nil {
			t.Fatal(err)
		}
	}()
	f()
}

func TestListenWithoutPermission(t *testing.T) {
	dir := folder(t)
	leaveStale(t, dir+"/stale")
	if err := os.Chmod(dir+"/stale", 0o666); err != nil {
		t.Fatal(err)
	}
	leaveStale(t, dir+"/foreign")
	if err := os.Chmod(dir+"/foreign", 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ path, want string }{
		{"/new", "the folder of the control socket, DIR, is not writable for this user (uid "},
		{"/stale", "the folder of the control socket, DIR, is not writable for this user (uid "},
		{"/foreign", "DIR/foreign belongs to another user, who may still listen there: remove it, or set director.control_socket to another path"},
	} {
		var err error
		asNobody(t, func() { _, err = Listen(dir + tt.path) })
		if err == nil {
			t.Errorf("%s: no error", tt.path)
		} else if got := strings.ReplaceAll(err.Error(), dir, "DIR"); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: got  %s\nwant %s", tt.path, got, tt.want)
		}
	}
}
