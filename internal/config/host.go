package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// Host is what reading a file may ask of the host. [ThisHost] is the real one.
type Host interface {
	// ReadFile returns the bytes of a regular file of at most limit bytes and
	// its status, both of the same open file. The error is one sentence's end,
	// such as "does not exist", and wraps the system's.
	ReadFile(path string, limit int64) ([]byte, FileStatus, error)
	// Stat returns a file's status, symbolic links followed; errors as ReadFile's.
	Stat(path string) (FileStatus, error)
	// Name returns the host's name.
	Name() (string, error)
	// User returns the number of the user that the daemon runs as.
	User() int
	// LookupUser returns the number of the user with a name.
	LookupUser(name string) (int, error)
}

// FileStatus says what a file is, whose it is and who may do what with it.
type FileStatus struct {
	Mode fs.FileMode // type and permissions
	UID  int         // the owner's number
	GID  int         // the group's number
}

// ThisHost is the host that the program runs on, and its user the one that it
// runs as.
type ThisHost struct{}

var _ Host = ThisHost{}

// ReadFile implements [Host].
func (ThisHost) ReadFile(path string, limit int64) ([]byte, FileStatus, error) {
	// Without O_NONBLOCK the opening of a pipe waits for its writer.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, FileStatus{}, describeError(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, FileStatus{}, describeError(err)
	}
	switch {
	case info.IsDir():
		return nil, FileStatus{}, errIsDirectory
	case !info.Mode().IsRegular():
		return nil, FileStatus{}, errNotRegular
	}
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, FileStatus{}, describeError(err)
	}
	if int64(len(text)) > limit {
		return nil, FileStatus{}, tooLarge(limit)
	}
	return text, statusOf(info), nil
}

// Stat implements [Host].
func (ThisHost) Stat(path string) (FileStatus, error) {
	info, err := os.Stat(path)
	if err != nil {
		return FileStatus{}, describeError(err)
	}
	return statusOf(info), nil
}

// Name implements [Host].
func (ThisHost) Name() (string, error) { return os.Hostname() }

// User implements [Host].
func (ThisHost) User() int { return os.Geteuid() }

// LookupUser implements [Host].
func (ThisHost) LookupUser(name string) (int, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(u.Uid)
}

func statusOf(info fs.FileInfo) FileStatus {
	status := FileStatus{Mode: info.Mode()}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		status.UID, status.GID = int(s.Uid), int(s.Gid)
	}
	return status
}

// What can be wrong with a file itself, as the end of a sentence that begins
// with its name.
var (
	errIsDirectory = errors.New("is a directory (want a file)")
	errNotRegular  = errors.New("is not a regular file (want no device, pipe or socket)")
)

func tooLarge(limit int64) error {
	size := fmt.Sprintf("%d KiB", limit>>10)
	if limit >= 1<<20 {
		size = fmt.Sprintf("%d MiB", limit>>20)
	}
	return fmt.Errorf("is larger than %s (want a smaller file)", size)
}

// fileError is a system's error in an operator's words.
type fileError struct {
	says string
	err  error
}

func (e *fileError) Error() string { return e.says }
func (e *fileError) Unwrap() error { return e.err }

func describeError(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &fileError{"does not exist", err}
	case errors.Is(err, fs.ErrPermission):
		return &fileError{"may not be read by the user that asks (want the permission to read it)", err}
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return &fileError{"can't be read: " + path.Err.Error(), err}
	}
	return &fileError{"can't be read: " + err.Error(), err}
}
