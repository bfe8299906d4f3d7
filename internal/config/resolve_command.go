package config

import (
	"errors"
	"io/fs"
	"path"

	"github.com/mainstay-lvs/mainstay/checker"
)

func (r *resolver) command(c Value[[]Value[string]]) checker.Command {
	var options checker.Command
	for _, a := range c.V {
		options.Argv = append(options.Argv, a.V)
	}
	switch {
	case c.bad:
	case len(c.V) == 0:
		r.errorf(c.at, "is an empty list (want a program and its arguments)")
	case !c.V[0].bad:
		r.program(c.V[0])
	}
	if d := r.file.Director; !c.bad && r.host.User() == 0 && !d.bad && !d.V.CommandUser.Given && !d.V.CommandUser.bad {
		r.errorf(c.at, "the daemon runs as root, and a command must not (want director.command_user)")
	}
	return options
}

// program holds the rules for the file that a command runs. One that is not
// there may come later; one that others can change is theirs to choose.
func (r *resolver) program(file Value[string]) {
	if !isPath(file.V) || len(file.V) > maxPath {
		r.errorf(file.at, "%s is not an absolute path (want the program's whole path, as in /usr/local/bin/ok)", quote(file.V))
		return
	}
	status, err := r.host.Stat(file.V)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.warnf(file.at, "%s does not exist: the check fails until it does (want a program)", file.V)
	case err != nil:
		r.warnf(file.at, "%s %v", file.V, err)
	case !status.Mode.IsRegular():
		r.errorf(file.at, "%s is not a regular file (want a program)", file.V)
	case status.Mode.Perm()&0o111 == 0:
		r.warnf(file.at, "%s is not executable: the check fails until it is (want: chmod +x %s)", file.V, file.V)
	}
	for at := path.Clean(file.V); ; at = path.Dir(at) {
		if status, err := r.host.Stat(at); err == nil && !r.closed(file.at, at, status) || at == "/" {
			return
		}
	}
}

// closed holds the rule for a command's file and each folder on the way to it:
// none but root, the daemon's user and the command's own may change it.
func (r *resolver) closed(at place, file string, status FileStatus) bool {
	mode := status.Mode.Perm()
	sticky := status.Mode.IsDir() && status.Mode&fs.ModeSticky != 0 // each may replace what is theirs only
	switch {
	case !r.trusted(status.UID) && status.UID != r.commandUser:
		r.errorf(at, "%s belongs to user %d, who could change it (want it to be root's: chown root %s)", file, status.UID, file)
	case !sticky && (mode&0o002 != 0 || mode&0o020 != 0 && status.GID != 0):
		r.errorf(at, "%s has mode %04o: others may write it (want it closed: chmod go-w %s)", file, mode, file)
	default:
		return true
	}
	return false
}
