package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// dial connects to the control socket.
func dial(ctx context.Context, socket string) (net.Conn, error) {
	if err := checkSocketPath(socket); err != nil {
		return nil, &said{text: err.Error(), is: err}
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, dialError(socket, err)
	}
	return conn, nil
}

// dialError says why a socket could not be connected to, and what helps.
func dialError(socket string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.ENOTDIR):
		return &said{
			text: fmt.Sprintf("no daemon listens on %s: is mainstay running? (systemctl status mainstay)", socket),
			is:   ErrNoDaemon,
		}
	case errors.Is(err, fs.ErrPermission):
		return &said{text: fmt.Sprintf("no permission to ask the daemon on %s: %s", socket, whose(socket)), is: fs.ErrPermission}
	case errors.Is(err, unix.EAGAIN):
		return &said{text: fmt.Sprintf("the daemon on %s has too many callers: try again", socket), is: err}
	default:
		return err
	}
}

// whose says for whom the socket is, or the folder that hides it from us.
func whose(path string) string {
	info, err := os.Stat(path)
	for err != nil && path != filepath.Dir(path) {
		path = filepath.Dir(path)
		info, err = os.Stat(path)
	}
	if err != nil {
		return "use sudo"
	}
	sys, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "use sudo"
	}
	owner, group, mode := userName(sys.Uid), groupName(sys.Gid), info.Mode()
	text := fmt.Sprintf("%s is for user %s and group %s (mode %04o): use sudo", path, owner, group, mode.Perm())
	// What a member of the group needs: to write to the socket, to pass the folder.
	if mode.Type() == fs.ModeSocket && mode&0o020 != 0 || mode.IsDir() && mode&0o010 != 0 {
		text += ", or become a member of that group"
	}
	return text
}

func userName(id uint32) string {
	number := strconv.FormatUint(uint64(id), 10)
	if u, err := user.LookupId(number); err == nil {
		return u.Username
	}
	return number
}

func groupName(id uint32) string {
	number := strconv.FormatUint(uint64(id), 10)
	if g, err := user.LookupGroupId(number); err == nil {
		return g.Name
	}
	return number
}
