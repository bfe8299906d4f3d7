package config

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// codec is how the values of a type stand in the file: how they are read, how
// they are printed, and how the reference describes them.
type codec[V any] struct {
	kind string // for the reference: "duration", "list of string"
	// read turns a node into a value, or reports why it can't and returns false.
	read func(d *decoder, n *yaml.Node, at place) (V, bool)
	// write turns a value that read accepted back into a node that reads as it.
	write func(V) *yaml.Node
	// blank is the value of a key that is absent and has no default; nil: zero.
	blank func() V
	// inside are the keys of the mappings that such a value holds, their paths
	// beginning after the value's own.
	inside []Key
}

// key is one key of a mapping that is decoded into a T.
type key[T any] struct {
	Key
	listed []Key // as the reference lists it: itself, then the keys inside
	into   func(d *decoder, t *T, n *yaml.Node, path *step)
	preset func(t *T)            // to its default
	spoil  func(t *T)            // it is missing or misspelt: nothing is known of it
	from   func(t *T) *yaml.Node // nil: not given
	state  func(t *T) (there bool, at place)
}

// optional is a key that may be left out. Without says what holds then, and is
// empty where nothing does.
func optional[T, V any](name string, c codec[V], get func(*T) *Value[V], without, meaning string) key[T] {
	k := newKey(name, c, get, meaning)
	k.Default = without
	k.preset = func(t *T) {
		if c.blank != nil {
			get(t).V = c.blank()
		}
	}
	return k.list(c.inside)
}

// required is a key that must be there.
func required[T, V any](name string, c codec[V], get func(*T) *Value[V], meaning string) key[T] {
	k := optional(name, c, get, "", meaning)
	k.Required = true
	return k.list(c.inside)
}

// defaulted is a key that has a value where it is left out.
func defaulted[T, V any](name string, c codec[V], get func(*T) *Value[V], value V, meaning string) key[T] {
	k := newKey(name, c, get, meaning)
	k.Default = flat(c.write(value))
	k.preset = func(t *T) { get(t).V = value }
	return k.list(c.inside)
}

func newKey[T, V any](name string, c codec[V], get func(*T) *Value[V], meaning string) key[T] {
	return key[T]{
		Key: Key{Path: name, Type: c.kind, Meaning: meaning},
		into: func(d *decoder, t *T, n *yaml.Node, path *step) {
			readInto(d, c, n, path, get(t))
		},
		spoil: func(t *T) { get(t).bad = true },
		state: func(t *T) (bool, place) {
			v := get(t)
			return v.Given || v.bad, v.at
		},
		from: func(t *T) *yaml.Node {
			if v := get(t); v.Given {
				return c.write(v.V)
			}
			return nil
		},
	}
}

// list works out how the reference lists the key.
func (k key[T]) list(inside []Key) key[T] {
	k.listed = append([]Key{k.Key}, under(k.Path, inside)...)
	return k
}

func under(path string, keys []Key) []Key {
	moved := make([]Key, len(keys))
	for i, k := range keys {
		k.Path = path + k.Path
		moved[i] = k
	}
	return moved
}

// within makes the keys of a part of a T keys of the T.
func within[T, P any](part func(*T) *P, keys []key[P]) []key[T] {
	moved := make([]key[T], len(keys))
	for i, k := range keys {
		moved[i] = key[T]{
			Key:    k.Key,
			listed: k.listed,
			into:   func(d *decoder, t *T, n *yaml.Node, path *step) { k.into(d, part(t), n, path) },
			preset: func(t *T) { k.preset(part(t)) },
			spoil:  func(t *T) { k.spoil(part(t)) },
			from:   func(t *T) *yaml.Node { return k.from(part(t)) },
			state:  func(t *T) (bool, place) { return k.state(part(t)) },
		}
	}
	return moved
}

// object is a mapping with these keys and no others.
func object[T any](keys ...key[T]) codec[T] {
	names := make([]string, len(keys))
	var inside []Key
	for i, k := range keys {
		names[i] = k.Path
		inside = append(inside, under(".", k.listed)...)
	}
	find := func(name string) int {
		for i := range names {
			if names[i] == name {
				return i
			}
		}
		return -1
	}
	blank := func() T {
		var t T
		for _, k := range keys {
			k.preset(&t)
		}
		return t
	}
	read := func(d *decoder, n *yaml.Node, at place) (T, bool) {
		t := blank()
		if n.Kind != yaml.MappingNode {
			want := "a mapping with keys among " + strings.Join(names, ", ")
			if isNull(n) {
				want += "; {} for none"
			}
			d.refuse(n, at, want)
			return t, false
		}
		settled := make([]bool, len(keys)) // whether it is there or not
		for _, e := range d.entries(n, at) {
			if i := find(e.name); i >= 0 {
				keys[i].into(d, &t, e.value, e.at.path)
				settled[i] = true
				continue
			}
			d.errorf(e.at, "unknown key (%s)", wanted(e.name, names))
			d.unknown++
			if meant, ok := nearest(e.name, names); ok && !settled[find(meant)] {
				keys[find(meant)].spoil(&t)
				settled[find(meant)] = true
			}
		}
		for i, k := range keys {
			if k.Required && !settled[i] && !d.exhausted() {
				d.errorf(at.key(k.Path), "is missing (want %s: %s)", k.Type, k.Meaning)
				k.spoil(&t)
			}
		}
		return t, true
	}
	write := func(t T) *yaml.Node {
		n := &yaml.Node{Kind: yaml.MappingNode}
		for _, k := range keys {
			if v := k.from(&t); v != nil {
				n.Content = append(n.Content, plain(k.Path), v)
			}
		}
		return n
	}
	return codec[T]{kind: "mapping", read: read, write: write, blank: blank, inside: inside}
}

// exactlyOne makes a mapping hold exactly one of some of its keys.
func exactlyOne[T any](what string, among []key[T], c codec[T]) codec[T] {
	names := make([]string, len(among))
	for i, k := range among {
		names[i] = k.Path
	}
	read := c.read
	c.read = func(d *decoder, n *yaml.Node, at place) (T, bool) {
		unknown := d.unknown
		t, ok := read(d, n, at)
		if !ok {
			return t, false
		}
		first := ""
		for _, k := range among {
			there, at := k.state(&t)
			switch {
			case !there:
			case first == "":
				first = k.Path
			default:
				d.errorf(at, "is a second %s beside %s (want one)", what, first)
				ok = false
			}
		}
		if first == "" {
			// An unknown key was probably meant to be the one; that was said.
			if d.unknown == unknown && !d.exhausted() {
				d.errorf(at, "has no %s (want %s)", what, oneOf(names))
			}
			return t, false
		}
		return t, ok
	}
	return c
}

// list is a list of values of one kind.
func list[V any](c codec[V]) codec[[]Value[V]] {
	return codec[[]Value[V]]{
		kind: "list of " + c.kind,
		read: func(d *decoder, n *yaml.Node, at place) ([]Value[V], bool) {
			if n.Kind != yaml.SequenceNode {
				d.refuse(n, at, "a list, as in [...]")
				return nil, false
			}
			all := make([]Value[V], len(n.Content))
			for i, e := range n.Content {
				readInto(d, c, e, at.index(i).path, &all[i])
			}
			return all, true
		},
		write: func(all []Value[V]) *yaml.Node {
			n := &yaml.Node{Kind: yaml.SequenceNode}
			width, short := 0, true
			for _, v := range all {
				e := c.write(v.V)
				n.Content = append(n.Content, e)
				width += len(e.Value)
				short = short && e.Kind == yaml.ScalarNode && width < 80
			}
			if short {
				n.Style = yaml.FlowStyle
			}
			return n
		},
		inside: under("[]", c.inside),
	}
}

// named is a mapping whose keys are names; check says whether a name will do,
// and reports why not.
func named[V any](check func(d *decoder, name string, at place) bool, c codec[V]) codec[[]Entry[V]] {
	return codec[[]Entry[V]]{
		kind: "mapping of names to " + c.kind,
		read: func(d *decoder, n *yaml.Node, at place) ([]Entry[V], bool) {
			if n.Kind != yaml.MappingNode {
				d.refuse(n, at, "a mapping, name: value")
				return nil, false
			}
			var all []Entry[V]
			for _, found := range d.entries(n, at) {
				e := Entry[V]{Name: found.name, at: found.at}
				ok := check(d, e.Name, e.at)
				readInto(d, c, found.value, e.at.path, &e.Value)
				e.Value.bad = e.Value.bad || !ok
				all = append(all, e)
			}
			return all, true
		},
		write: func(all []Entry[V]) *yaml.Node {
			n := &yaml.Node{Kind: yaml.MappingNode}
			for _, e := range all {
				n.Content = append(n.Content, written(e.Name), c.write(e.Value.V))
			}
			return n
		},
		inside: under(".<name>", c.inside),
	}
}

// orAlone lets a mapping with a single key be written as that key's value alone.
func orAlone[T, V any](long codec[T], name string, c codec[V], get func(*T) *Value[V]) codec[T] {
	short := long
	short.kind = c.kind + ", or mapping"
	short.read = func(d *decoder, n *yaml.Node, at place) (T, bool) {
		if n.Kind == yaml.MappingNode {
			return long.read(d, n, at)
		}
		t := long.blank()
		v, ok := c.read(d, n, at)
		*get(&t) = Value[V]{V: v, Given: true, bad: !ok, at: at}
		return t, true
	}
	short.write = func(t T) *yaml.Node {
		n := long.write(t)
		if len(n.Content) == 2 && n.Content[0].Value == name {
			return n.Content[1]
		}
		return n
	}
	return short
}

// plain is a word that YAML reads as itself, without quotes.
func plain(word string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Value: word}
}

// written is text as YAML reads it back, in quotes where it needs them.
func written(text string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: text, Tag: "!!str", Style: yaml.DoubleQuotedStyle}
	if safeText.MatchString(text) && !isNull(plain(text)) {
		return plain(text)
	}
	return n
}

// flat prints a short value on one line.
func flat(n *yaml.Node) string {
	n.Style |= yaml.FlowStyle
	out, err := yaml.Marshal(n)
	if err != nil {
		panic("a default that can't be printed: " + err.Error()) // a mistake in the schema, seen at the start of any program
	}
	return strings.TrimSpace(string(out))
}
