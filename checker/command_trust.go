package checker

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// distrustError says why a command's file is not run.
type distrustError struct {
	path, wrong string
}

func (e *distrustError) Error() string { return e.path + " " + e.wrong }

// trustProgram makes sure that nobody but root, the daemon's user and the command's
// own user chooses what is run under path: the file, each folder and each symbolic
// link on the way belong to one of them, and no other can write there. Folders in
// which only owners may replace what is theirs (sticky, as /tmp) will do.
func trustProgram(path string, user *User) error {
	const maxLinks = 40
	trusted := func(uid uint32) bool {
		return uid == 0 || uid == uint32(os.Geteuid()) || user != nil && uid == user.UID
	}
	at, rest, links := "/", strings.Split(path, "/"), 0
	var status unix.Stat_t
	for {
		if err := unix.Lstat(at, &status); err != nil {
			return &fs.PathError{Op: "look at", Path: at, Err: err}
		}
		kind := status.Mode & unix.S_IFMT
		if !trusted(status.Uid) {
			return &distrustError{at, fmt.Sprintf("belongs to user %d, who could change it: chown root %s", status.Uid, at)}
		}
		switch kind {
		case unix.S_IFLNK:
			if links++; links > maxLinks {
				return &fs.PathError{Op: "follow", Path: path, Err: syscall.ELOOP}
			}
			to, err := os.Readlink(at)
			if err != nil {
				return err
			}
			at = filepath.Dir(at)
			if filepath.IsAbs(to) {
				at = "/"
			}
			rest = append(strings.Split(to, "/"), rest...)
		case unix.S_IFDIR:
			if writableByOthers(&status) && status.Mode&unix.S_ISVTX == 0 {
				return &distrustError{at, fmt.Sprintf("can be written by others: chmod go-w %s", at)}
			}
		case unix.S_IFREG:
			if writableByOthers(&status) {
				return &distrustError{at, fmt.Sprintf("can be written by others: chmod go-w %s", at)}
			}
		default:
			return &distrustError{at, "is neither a file nor a folder"}
		}
		for len(rest) > 0 && (rest[0] == "" || rest[0] == ".") {
			rest = rest[1:]
		}
		switch {
		case len(rest) == 0 && kind == unix.S_IFDIR:
			return &fs.PathError{Op: "run", Path: path, Err: syscall.EISDIR}
		case len(rest) == 0:
			return nil
		case rest[0] == "..":
			at = filepath.Dir(at)
		default:
			at = filepath.Join(at, rest[0])
		}
		rest = rest[1:]
	}
}

// writableByOthers tells whether anybody but the owner and the group root may write.
func writableByOthers(s *unix.Stat_t) bool {
	return s.Mode&unix.S_IWOTH != 0 || s.Mode&unix.S_IWGRP != 0 && s.Gid != 0
}
