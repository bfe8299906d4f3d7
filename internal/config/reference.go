package config

// Key is one key of the configuration file, as a reference lists it.
type Key struct {
	Path     string // "virtual_services[].persistence.timeout"; [] is an element of a list, <name> a name of the user's
	Type     string // "duration", "nat | dr | tunnel", "list of string"
	Default  string // as the file would write it, or what holds without it; empty: nothing does
	Required bool   // wherever the mapping that it stands in is there
	Meaning  string // one line
}

// Reference lists every key that the file may have, in the order in which they
// are best read and [File.YAML] prints them. The keys of a check stand under
// "checks.<name>" only; a check written in place has the same.
func Reference() []Key {
	keys := make([]Key, len(fileKeys.inside))
	for i, k := range fileKeys.inside {
		k.Path = k.Path[1:] // the dot that would follow the name of the whole
		keys[i] = k
	}
	return keys
}
