// Package state keeps what outlives a restart of the daemon: small JSON files in
// one folder, each replaced as a whole, and a lock that lets one daemon at a time
// use them.
package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"

	"golang.org/x/sys/unix"
)

// maxFile bounds a state file. The largest holds twenty changes, some 150 bytes each,
// of each real server.
const maxFile = 512 << 20

// Dir is a state folder that this process has locked.
type Dir struct {
	path string
	lock *os.File
}

// ErrInUse means that another process has locked the folder.
var ErrInUse = errors.New("another mainstay uses it: stop that one, or give this one another director.state_dir")

// DamagedError is a state file that can't be read as what it should be.
type DamagedError struct {
	File string
	Err  error
}

// Error names the file and what is wrong with it.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("the state file %s is damaged: %v", e.File, e.Err)
}

// Unwrap returns what is wrong with the file.
func (e *DamagedError) Unwrap() error { return e.Err }

// Open locks a state folder, which is made if its parent is there. It fails at
// once with [ErrInUse] when another process holds it, and with a sentence that
// says what to do when the folder can't be written.
func Open(path string) (*Dir, error) {
	if err := os.Mkdir(path, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, unwritable(path, err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, unwritable(path, err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("state folder %s: %w", path, ErrInUse)
		}
		return nil, fmt.Errorf("lock the state folder %s: %w", path, err)
	}
	d := &Dir{path: path, lock: lock}
	// A folder whose files can be opened but not replaced is found out now, not
	// when something must be saved.
	if err := d.Save("writable", true); err != nil {
		return nil, errors.Join(unwritable(path, err), d.Close())
	}
	return d, os.Remove(filepath.Join(path, "writable"))
}

func unwritable(path string, err error) error {
	return fmt.Errorf("the state folder %s can't be written (%w): make it and give it to the user that mainstay runs as, or name another in director.state_dir", path, err)
}

// Close gives the lock back.
func (d *Dir) Close() error { return d.lock.Close() }

// Path is the folder's name.
func (d *Dir) Path() string { return d.path }

// Load reads a file into what v points to, which it leaves alone on any error. A file that does
// not exist is an error that is [fs.ErrNotExist]; one that can't be understood is
// a [DamagedError].
func (d *Dir) Load(name string, v any) error { return Load(d.path, name, v) }

// Load reads a file of a folder that need not be locked, as [Dir.Load] does.
func Load(dir, name string, v any) error {
	path := filepath.Join(dir, name)
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return fmt.Errorf("read the state file %s: %w", path, err)
	}
	if len(text) > maxFile {
		return &DamagedError{path, fmt.Errorf("longer than %d bytes", maxFile)}
	}
	// What a later version added is passed over: going back loses no more than that.
	whole := reflect.New(reflect.TypeOf(v).Elem())
	if err := json.Unmarshal(text, whole.Interface()); err != nil {
		return &DamagedError{path, err}
	}
	reflect.ValueOf(v).Elem().Set(whole.Elem())
	return nil
}

// SetAside renames a damaged file, so that it can be looked at and the next Save
// does not replace it. It returns the new name.
func (d *Dir) SetAside(name string) (string, error) {
	aside := filepath.Join(d.path, name+".damaged")
	return aside, os.Rename(filepath.Join(d.path, name), aside)
}

// Save replaces a file by v: after a crash or a power cut it holds all of the old
// or all of the new.
func (d *Dir) Save(name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("save the state file %s: %w", name, err)
	}
	if err := d.replace(name, append(text, '\n')); err != nil {
		return fmt.Errorf("save the state file %s: %w", filepath.Join(d.path, name), err)
	}
	return nil
}

func (d *Dir) replace(name string, text []byte) error {
	temporary := filepath.Join(d.path, "."+name+".new")
	file, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	if err := os.Rename(temporary, filepath.Join(d.path, name)); err != nil {
		return err
	}
	folder, err := os.Open(d.path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
