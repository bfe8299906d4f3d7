package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// socketMode is the mode of the control socket: its user and its group may give
// orders.
const socketMode = 0o660

// maxSocketPath is the longest path of a socket, in bytes (unix(7), sun_path).
const maxSocketPath = 107

// elsewhere is the remedy that always helps.
const elsewhere = "director.control_socket"

// Listen creates the control socket with mode 0660 and listens on it; closing the
// listener removes it. A socket that was left behind, on which nobody listens, is
// replaced. Everything else that has the path stays, and the error says what to do
// about it.
func Listen(path string) (net.Listener, error) {
	if err := checkSocketPath(path); err != nil {
		return nil, fmt.Errorf("%w: set %s to another path", err, elsewhere)
	}
	l, err := bind(path)
	if errors.Is(err, unix.EADDRINUSE) {
		if err := removeStale(path); err != nil {
			return nil, err
		}
		l, err = bind(path)
	}
	if err != nil {
		return nil, listenError(path, err)
	}
	// A umask may have taken bits away that the group needs.
	if err := os.Chmod(path, socketMode); err != nil {
		l.Close()
		os.Remove(path)
		return nil, fmt.Errorf("the control socket %s: %w", path, err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("the control socket %s: %w", path, err)
	}
	return &listener{Listener: l, path: path, info: info}, nil
}

// checkSocketPath refuses what the kernel would take for something else, or not
// at all.
func checkSocketPath(path string) error {
	switch {
	case path == "":
		return errors.New("the path of the control socket is empty")
	case strings.HasPrefix(path, "@") || strings.Contains(path, "\x00"):
		// An abstract socket has no mode: anybody could give orders.
		return fmt.Errorf("the control socket %q is not the path of a file", path)
	case len(path) > maxSocketPath:
		return fmt.Errorf("the control socket's path %s has %d bytes, and a socket's has %d at most", path, len(path), maxSocketPath)
	}
	return nil
}

// bind creates the socket and listens on it. The file takes the mode that the
// descriptor has at that moment, less the umask, so it is never wider than it
// should be.
func bind(path string) (net.Listener, error) {
	config := net.ListenConfig{
		Control: func(_, _ string, c syscall.RawConn) error {
			var err error
			if e := c.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), socketMode) }); e != nil {
				return e
			}
			return err
		},
	}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	return l, nil
}

// removeStale removes a socket on which nobody listens, and nothing else.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the control socket %s: %w", path, err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is not a socket but %s: move it away, or set %s to another path", path, kind(info.Mode()), elsewhere)
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		conn.Close()
		return errListening(path)
	case errors.Is(err, unix.EAGAIN): // its queue is full
		return errListening(path)
	case errors.Is(err, unix.EPROTOTYPE):
		return fmt.Errorf("%s is a socket of another program: move it away, or set %s to another path", path, elsewhere)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s belongs to another user, who may still listen there: remove it, or set %s to another path", path, elsewhere)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case !errors.Is(err, unix.ECONNREFUSED):
		return fmt.Errorf("the control socket %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return listenError(path, err)
	}
	return nil
}

// errListening says that somebody is there.
func errListening(path string) error {
	return fmt.Errorf("another mainstay listens on %s: stop it, or give this one another %s", path, elsewhere)
}

// listenError says why a socket could not be created, and what helps.
func listenError(path string, err error) error {
	folder := filepath.Dir(path)
	switch {
	case errors.Is(err, unix.EADDRINUSE): // somebody was quicker
		return errListening(path)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the folder of the control socket, %s, is missing: create it (under systemd: RuntimeDirectory=mainstay), or set %s to another path", folder, elsewhere)
	case errors.Is(err, unix.ENOTDIR):
		return fmt.Errorf("the folder of the control socket, %s, is not a folder: set %s to another path", folder, elsewhere)
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("the folder of the control socket, %s, is on a read-only file system: set %s to another path", folder, elsewhere)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the folder of the control socket, %s, is not writable for this user (uid %d): give it to that user (chown), or set %s to another path", folder, os.Geteuid(), elsewhere)
	default:
		return fmt.Errorf("the control socket %s: %w", path, err)
	}
}

// kind names a kind of file.
func kind(mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return "a file"
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	default:
		return "a device"
	}
}

// listener is a listener that removes its own file.
type listener struct {
	net.Listener
	path string
	info fs.FileInfo
	once sync.Once
}

// Close removes the file and stops listening. The file goes first: while it is
// listened on, no other mainstay replaces it, so what is removed is ours.
func (l *listener) Close() error {
	l.once.Do(func() {
		if now, err := os.Lstat(l.path); err == nil && os.SameFile(l.info, now) {
			os.Remove(l.path)
		}
	})
	return l.Listener.Close()
}
