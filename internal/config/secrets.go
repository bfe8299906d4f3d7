package config

import (
	"bytes"
	"errors"
	"io/fs"
	"slices"
)

// Bounds of a secret's length, in bytes.
const (
	minSecret = 16
	maxSecret = 64 << 10
)

// readSecrets reads every secret that the file names, used or not; nil where it names
// none.
func (r *resolver) readSecrets(entries []Entry[SecretKeys]) map[string][][]byte {
	if len(entries) == 0 {
		return nil
	}
	secrets := map[string][][]byte{}
	for _, e := range entries {
		paths := e.Value.V.Files.V
		if e.Value.V.File.Given {
			paths = []Value[string]{e.Value.V.File}
		}
		if len(paths) == 0 && e.Value.V.Files.Given && !e.Value.V.Files.bad {
			r.errorf(e.Value.V.Files.at, "is an empty list (want at least one file)")
		}
		keys := [][]byte{}
		for _, path := range paths {
			if !path.bad {
				keys = append(keys, r.readSecret(path))
			}
		}
		secrets[e.Name] = keys
	}
	return secrets
}

// ReadSecret returns the secret in a file of this host that no configuration file needs to
// name. It is refused where a configuration file that names it would be.
func ReadSecret(path string) ([]byte, error) { return ReadSecretFrom(ThisHost{}, path) }

// ReadSecretFrom is [ReadSecret] on a host.
func ReadSecretFrom(host Host, path string) ([]byte, error) {
	r := &resolver{reporter: &reporter{file: path}, host: host}
	key := r.readSecret(Value[string]{V: path})
	for _, p := range r.errors.list {
		return nil, errors.New(p.Text)
	}
	return key, nil
}

// readSecret reads one file of a secret.
func (r *resolver) readSecret(path Value[string]) []byte {
	key, ok := r.readSealed(path, maxSecret)
	if ok && len(key) < minSecret {
		r.errorf(path.at, "%s holds a secret of %d bytes (want at least %d)", path.V, len(key), minSecret)
	}
	return key
}

// readSealed reads a file that holds something secret, without its final newline. Its
// user and its group may read it, and its user alone may write it, or who reads it could
// speak in the director's name, and who writes it in everyone's.
func (r *resolver) readSealed(path Value[string], limit int64) (text []byte, ok bool) {
	text, status, err := r.host.ReadFile(path.V, limit)
	if err != nil {
		r.errorf(path.at, "%s %v", path.V, err)
		return nil, false
	}
	mode := status.Mode.Perm()
	mended := mode&0o640 | 0o400
	switch {
	case !r.trusted(status.UID):
		r.errorf(path.at, "%s belongs to user %d, who is neither root nor the daemon's user (want a file of root's: chown root %s)",
			path.V, status.UID, path.V)
	case mode&fs.FileMode(0o007) != 0:
		r.errorf(path.at, "%s has mode %04o: it is open to every user (want it closed: chmod %04o %s)", path.V, mode, mended, path.V)
	case mode&0o020 != 0:
		r.errorf(path.at, "%s has mode %04o: its group may write it (want it closed: chmod %04o %s)", path.V, mode, mended, path.V)
	}
	return bytes.TrimSuffix(text, []byte("\n")), true
}

// secret finds the keys of a secret by its name.
func (r *resolver) secret(name Value[string]) [][]byte {
	if !name.Given || name.bad {
		return nil
	}
	keys, ok := r.secrets[name.V]
	switch names := namesOf(r.file.Secrets.V); {
	case ok || r.file.Secrets.bad:
	case len(names) == 0:
		r.errorf(name.at, "there is no secret named %s (want it under secrets)", quote(name.V))
	default:
		r.errorf(name.at, "there is no secret named %s (%s)", quote(name.V), wanted(name.V, names))
	}
	return keys
}

// wholeSecret says whether a secret is there and each of its files could be read.
func (r *resolver) wholeSecret(name string) bool {
	keys := r.secrets[name]
	return len(keys) > 0 && !slices.ContainsFunc(keys, func(key []byte) bool { return len(key) < minSecret })
}

func namesOf[V any](entries []Entry[V]) []string {
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name
	}
	return names
}
