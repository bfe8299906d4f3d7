package config

import "gopkg.in/yaml.v3"

// decoder turns nodes into typed values and reports what is wrong with them.
type decoder struct {
	*reporter
	aliases int // how many aliases the node being read stands under
	spent   int // nodes read through aliases
	unknown int // keys that were reported as unknown
}

// An alias stands for a whole part of the file, and a few lines of aliases of
// aliases stand for more than any memory holds. These bounds are some ten times
// what the largest real file needs.
const (
	maxAliased    = 500_000 // values read through aliases
	maxMergeDepth = 16      // << in what << names
)

// read reads a node, through the alias that it may be.
func read[V any](d *decoder, c codec[V], n *yaml.Node, path *step) (v V, at place, ok bool) {
	if n.Kind == yaml.AliasNode {
		d.aliases++
		defer func() { d.aliases-- }()
		n = n.Alias
	}
	at = place{line: int32(n.Line), column: int32(n.Column), path: path}
	if d.aliases > 0 && !d.spend(at, 1) {
		return v, at, false
	}
	if n.Style&yaml.TaggedStyle != 0 && !coreTags[n.ShortTag()] {
		d.errorf(at, "has the tag %s (want the value without a tag)", quote(n.Tag))
		return v, at, false
	}
	v, ok = c.read(d, n, at)
	return v, at, ok
}

// coreTags are the tags that say no more than the value itself does.
var coreTags = map[string]bool{
	"!!str": true, "!!int": true, "!!float": true, "!!bool": true, "!!null": true, "!!map": true, "!!seq": true,
}

// readInto reads a node into the value of a key or element.
func readInto[V any](d *decoder, c codec[V], n *yaml.Node, path *step, into *Value[V]) {
	v, at, ok := read(d, c, n, path)
	if ok {
		into.V = v
	}
	into.Given, into.bad, into.at = true, !ok, at
}

// spend counts nodes read through an alias, and says whether there may be more.
func (d *decoder) spend(at place, nodes int) bool {
	before := d.spent
	d.spent += nodes
	if before < maxAliased && d.exhausted() {
		d.errorf(at, "aliases stand for more than %d values (want fewer aliases of aliases)", maxAliased)
	}
	return !d.exhausted()
}

// exhausted says that aliases stand for too much. That was reported, and what
// was not read because of it is no further mistake.
func (d *decoder) exhausted() bool { return d.spent >= maxAliased }

// refuse reports a node that is not what was wanted.
func (d *decoder) refuse(n *yaml.Node, at place, want string) {
	if n.Kind == yaml.SequenceNode && n.Style&yaml.FlowStyle != 0 {
		want += "; quote a value that begins with ["
	}
	d.errorf(at, "%s (want %s)", describe(n), want)
}

// entry is a key of a mapping and its value.
type entry struct {
	name  string
	at    place // of the key
	value *yaml.Node
}

// entries returns what a mapping holds: its own keys in their order, then those
// that << brings and it doesn't have itself.
func (d *decoder) entries(n *yaml.Node, at place) []entry {
	return d.ownAndMerged(n, at, 0)
}

func (d *decoder) ownAndMerged(n *yaml.Node, at place, depth int) []entry {
	found := make([]entry, 0, len(n.Content)/2)
	var lines index
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		keyAt := place{line: int32(n.Content[i].Line), column: int32(n.Content[i].Column), path: at.path}
		switch {
		case key.Kind != yaml.ScalarNode || isNull(key):
			d.errorf(keyAt, "has a key that is not a word (want key: value; quote a key or value that begins with [ or {)")
			continue
		case key.Tag == "!!merge":
			merges = append(merges, value)
			continue
		}
		keyAt = keyAt.key(key.Value)
		if line, ok := lines.add(key.Value, keyAt.line, found); !ok {
			d.errorf(keyAt, "is given twice (first in line %d)", line)
			continue
		}
		found = append(found, entry{key.Value, keyAt, value})
	}
	for _, m := range merges {
		for _, e := range d.merged(m, at.key("<<"), depth+1) {
			if _, ok := lines.add(e.name, e.at.line, found); ok {
				found = append(found, e)
			}
		}
	}
	return found
}

// merged returns the entries that one << stands for. Their values count as
// aliases, since any number of mappings may share them.
func (d *decoder) merged(n *yaml.Node, at place, depth int) []entry {
	at.line, at.column = int32(n.Line), int32(n.Column)
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if depth > maxMergeDepth {
		d.errorf(at, "<< is nested more than %d deep (want less)", maxMergeDepth)
		return nil
	}
	if !d.spend(at, 1+len(n.Content)) {
		return nil
	}
	var found []entry
	switch n.Kind {
	case yaml.MappingNode:
		path := at
		path.path = at.path.up
		for _, e := range d.ownAndMerged(n, path, depth) {
			if e.value.Kind != yaml.AliasNode {
				e.value = &yaml.Node{Kind: yaml.AliasNode, Alias: e.value, Line: e.value.Line, Column: e.value.Column}
			}
			found = append(found, e)
		}
	case yaml.SequenceNode:
		for _, part := range n.Content {
			found = append(found, d.merged(part, at, depth+1)...)
		}
	default:
		d.errorf(at, "%s (want a mapping to merge, or a list of them)", describe(n))
	}
	return found
}

// index finds the keys of one mapping that were given before. Where they are few
// it has no map, since then to look at each is quicker.
type index struct {
	lines map[string]int32
}

// add looks for a key among those found so far. Where it is not there add
// returns true, otherwise false and the line of the first one.
func (x *index) add(name string, line int32, found []entry) (int32, bool) {
	const few = 16
	if len(found) < few {
		for _, e := range found {
			if e.name == name {
				return e.at.line, false
			}
		}
		return 0, true
	}
	if x.lines == nil {
		x.lines = make(map[string]int32, 2*few)
		for _, e := range found {
			x.lines[e.name] = e.at.line
		}
	}
	if first, ok := x.lines[name]; ok {
		return first, false
	}
	x.lines[name] = line
	return 0, true
}
