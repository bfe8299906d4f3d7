package config

import "github.com/mainstay-lvs/mainstay/ipvs"

// resolver turns a File into a Config and holds the rules between its keys.
//
// It goes on after an error, to find the others. What it returns then is not
// used, but no error may follow from one that was already reported: a rule
// first looks whether a value that it builds on is bad.
type resolver struct {
	*reporter
	host Host
	file *File

	secrets     map[string][][]byte
	checks      map[string]*preparedCheck
	pems        map[string][]byte // the files of certificates and keys read so far
	commandUser int               // the number of director.command_user, 0 where there is none
	checked     int               // checks of all real servers so far
	senders     map[sender]claim  // of the heartbeats of all real servers so far
	mixed       place             // of the first server that is of another family than its service
}

func (r *resolver) resolve() *Config {
	c := &Config{File: r.file}
	c.Director = r.director(r.file.Director.V)
	r.secrets = r.readSecrets(r.file.Secrets.V)
	c.Secrets = r.secrets
	r.checks = r.prepareNamed(r.file.Checks.V)
	r.senders = map[sender]claim{}
	names, keys := firsts[string]{}, firsts[ipvs.Key]{}
	for _, v := range r.file.VirtualServices.V {
		if v.bad {
			continue
		}
		s := serviceResolver{resolver: r, ServiceKeys: &v.V, at: v.at}
		c.Services = append(c.Services, s.resolve())
		if line, again := names.again(s.Name.V, s.Name.at); again && !s.Name.bad {
			r.errorf(s.Name.at, "is the name of the virtual service in line %d, too (want another)", line)
		}
		if !s.known {
			continue
		}
		at := s.Address.at
		if s.key.Mark != 0 {
			at = s.Fwmark.at
		}
		if line, again := keys.again(s.key, at); again {
			r.errorf(at, "is the same virtual service as in line %d (want each once)", line)
		}
	}
	c.Routers = r.routers(r.file.VirtualRouters, c.Services)
	r.warnOfListening(c.Routers)
	c.Relay = r.relay(r.file.Relay)
	return c
}

// firsts remember where things stood first.
type firsts[T comparable] map[T]place

// again says whether a thing was there before, and in which line.
func (f firsts[T]) again(thing T, at place) (int32, bool) {
	if first, ok := f[thing]; ok {
		return first.line, true
	}
	f[thing] = at
	return 0, false
}

func (r *resolver) director(d DirectorKeys) Director {
	if !d.Name.Given && !d.Name.bad {
		var err error
		if d.Name.V, err = r.host.Name(); err != nil || d.Name.V == "" {
			at := r.file.Director.at
			at.path = nil
			r.errorf(at.key("director").key("name"), "is missing, and the host has no name (want a name)")
		}
	}
	if u := d.CommandUser; u.Given && !u.bad {
		switch uid, err := r.host.LookupUser(u.V); {
		case err != nil:
			r.errorf(u.at, "there is no user %s on this host (want one that there is, without privileges)", u.V)
		case uid == 0:
			r.errorf(u.at, "%s is root (want a user without privileges)", u.V)
		default:
			r.commandUser = uid
		}
	}
	return Director{
		Name: d.Name.V, ControlSocket: d.ControlSocket.V, StateDir: d.StateDir.V,
		OnStop: d.OnStop.V, AuditInterval: d.AuditInterval.V, CommandUser: d.CommandUser.V,
		HeartbeatListen: d.HeartbeatListen.V,
	}
}

// daemonUser is the user that the package's systemd unit runs the daemon as.
const daemonUser = "mainstay"

// trusted says whether a user may own what the daemon relies on: root, the
// daemon's own user, and the one of the systemd unit, since `validate` is often
// run by root.
func (r *resolver) trusted(uid int) bool {
	if uid == 0 || uid == r.host.User() {
		return true
	}
	daemon, err := r.host.LookupUser(daemonUser)
	return err == nil && uid == daemon
}
