package checker

import (
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"testing"
	"time"
)

// examples has one spec of each kind with every field set.
func examples() map[string]Spec {
	secure := func() *TLS {
		return &TLS{
			ServerName: "a.example", RootCAs: []byte("roots"), Certificate: []byte("cert"), Key: []byte("key"),
			InsecureSkipVerify: true, ALPN: []string{"h2", "http/1.1"},
		}
	}
	all := []Options{
		TCP{},
		*secure(),
		HTTP{
			Method: "GET", Path: "/", Host: "a.example", Headers: []Header{{"A", "b"}, {"C", "d"}},
			Status: []StatusRange{{200, 299}, {404, 404}}, Body: regexp.MustCompile("ok"), TLS: secure(),
		},
		Exchange{
			Steps: []Step{{Send: []byte("a")}, {Expect: regexp.MustCompile("b")}, {ExpectBytes: []byte("c"), Mask: []byte{0xff}}},
			TLS:   secure(),
		},
		Command{Argv: []string{"/bin/true", "x"}, DynamicWeight: true},
		Agent{Send: "hello\n", Expires: time.Minute},
		UDP{Send: []byte("a"), RequireReply: true, Expect: regexp.MustCompile("b"), ExpectBytes: []byte("c"), Mask: []byte{0xff}},
		DNS{Name: "a.example.", Type: "A", Protocol: "udp", RCodes: []string{"NOERROR", "NXDOMAIN"}, Answer: regexp.MustCompile("b")},
		Ping{},
		GRPC{Service: "a", Watch: true, Authority: "a.example", TLS: secure()},
		Monitor{Server: netip.MustParseAddrPort("192.0.2.1:80"), Service: "a", Secrets: [][]byte{[]byte("one"), []byte("two")}},
		Heartbeat{
			ID: "192.0.2.1:80", Service: "a", Secrets: [][]byte{[]byte("one"), []byte("two")}, Misses: 3,
			Fallback: &Monitor{Server: netip.MustParseAddrPort("192.0.2.1:80"), Service: "a", Secrets: [][]byte{[]byte("one")}},
		},
	}
	specs := make(map[string]Spec)
	for _, o := range all {
		specs[o.Kind()] = Spec{Target: netip.MustParseAddrPort("192.0.2.1:80"), Options: o, Timing: DefaultTiming()}
	}
	return specs
}

func TestEveryKindHasAnExample(t *testing.T) {
	specs := examples()
	for name := range kinds {
		if _, ok := specs[name]; !ok {
			t.Errorf("kind %s has no example: its key is not tested", name)
		}
	}
}

// Every field, at any depth, takes part in the key: a copy of the spec in which it
// alone differs has another.
func TestEveryFieldTakesPartInTheKey(t *testing.T) {
	for kind, spec := range examples() {
		seen := map[Key]string{spec.Key(): "the original"}
		check := func(path string, changed Spec) {
			t.Helper()
			key := changed.Key()
			if other, there := seen[key]; there {
				t.Errorf("%s: with another %s it has the key of %s", kind, path, other)
			}
			seen[key] = path
		}
		walk(reflect.ValueOf(spec), "spec", func(path string, changed reflect.Value) {
			check(path, changed.Interface().(Spec))
		})
		if len(seen) < 7 { // target, five of timing
			t.Errorf("%s: only %d fields were walked", kind, len(seen))
		}
	}
}

// walk calls see with copies of v, in each of which one thing is different.
func walk(v reflect.Value, path string, see func(string, reflect.Value)) {
	put := func(x any) { see(path, reflect.ValueOf(x).Convert(v.Type())) }
	switch x := v.Interface().(type) {
	case netip.AddrPort:
		put(netip.AddrPortFrom(x.Addr(), x.Port()+1))
		put(netip.AddrPortFrom(x.Addr().Next(), x.Port()))
		return
	case *regexp.Regexp:
		put(regexp.MustCompile(x.String() + "x"))
		see(path+" nil", reflect.Zero(v.Type()))
		return
	case time.Duration:
		put(x + 1)
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		put(!v.Bool())
	case reflect.Int:
		put(int(v.Int()) + 1)
	case reflect.Uint8:
		put(byte(v.Uint()) ^ 1)
	case reflect.String:
		put(v.String() + "x")
	case reflect.Pointer:
		see(path+" nil", reflect.Zero(v.Type()))
		walk(v.Elem(), path, func(p string, changed reflect.Value) {
			to := reflect.New(v.Type().Elem())
			to.Elem().Set(changed)
			see(p, to)
		})
	case reflect.Interface:
		walk(v.Elem(), path+"."+v.Elem().Type().Name(), func(p string, changed reflect.Value) {
			to := reflect.New(v.Type()).Elem()
			to.Set(changed)
			see(p, to)
		})
	case reflect.Slice:
		see(path+" shorter", v.Slice(0, v.Len()-1))
		for i := range v.Len() {
			walk(v.Index(i), fmt.Sprintf("%s[%d]", path, i), func(p string, changed reflect.Value) {
				to := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
				reflect.Copy(to, v)
				to.Index(i).Set(changed)
				see(p, to)
			})
		}
	case reflect.Struct:
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if isEmpty(v.Field(i)) {
				continue // of a Step, one field is set
			}
			walk(v.Field(i), path+"."+name, func(p string, changed reflect.Value) {
				to := reflect.New(v.Type()).Elem()
				to.Set(v)
				to.Field(i).Set(changed)
				see(p, to)
			})
		}
	default:
		panic("a test for fields of type " + v.Type().String() + " is wanted")
	}
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Pointer:
		return v.IsNil()
	}
	return false
}

// Where one field ends and the next begins matters.
func TestKeysAreUnambiguous(t *testing.T) {
	base := examples()["tcp"]
	key := func(o Options) Key { s := base; s.Options = o; return s.Key() }
	pair := func(name string, a, b Options) {
		if key(a) == key(b) {
			t.Errorf("%s: %+v and %+v have one key", name, a, b)
		}
	}
	pair("arguments", Command{Argv: []string{"/a", "bc"}}, Command{Argv: []string{"/ab", "c"}})
	pair("an empty argument", Command{Argv: []string{"/a", ""}}, Command{Argv: []string{"/a"}})
	pair("header name and value", HTTP{Headers: []Header{{"A", "bc"}}}, HTTP{Headers: []Header{{"Ab", "c"}}})
	pair("no TLS and TLS by default", HTTP{}, HTTP{TLS: &TLS{}})
	pair("no expression and an empty one", HTTP{}, HTTP{Body: regexp.MustCompile("")})
	pair("secrets", Monitor{Secrets: [][]byte{[]byte("ab")}}, Monitor{Secrets: [][]byte{[]byte("a"), []byte("b")}})
	pair("kinds", TCP{}, TLS{})
	pair("certificate and key", TLS{Certificate: []byte("x")}, TLS{Key: []byte("x")})
	if key(Exchange{Steps: []Step{}}) != key(Exchange{}) || key(TLS{RootCAs: []byte{}}) != key(TLS{}) {
		t.Error("empty and nil slices have different keys")
	}
	if base.Key() != examples()["tcp"].Key() {
		t.Error("equal specs have different keys")
	}
	if got := base.Key().String(); len(got) != 12 {
		t.Errorf("a key prints as %q", got)
	}
}
