package checker

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
)

// Key tells checks apart: two are one when their kind, options, timing and target
// are equal, secrets and certificates included, whatever they are called. It is a
// hash of all that, so it gives none of it away. Keys are equal only within one
// version of this package: they are not meant to be stored.
type Key [sha256.Size]byte

// String returns the first 12 hex digits of the key, enough for a log.
func (k Key) String() string { return fmt.Sprintf("%x", k[:6]) }

// Key returns the key of the check.
func (s Spec) Key() Key { return sha256.Sum256(appendValue(make([]byte, 0, 512), reflect.ValueOf(s))) }

var (
	addrPortType = reflect.TypeFor[netip.AddrPort]()
	regexpType   = reflect.TypeFor[*regexp.Regexp]()
)

// appendValue appends the canonical form of a value: fields in order, and before
// all that varies in length its length, so that two values have one form only if
// they are equal. It walks the fields by reflection, so that no field of a new kind
// can be forgotten. Nil and empty slices are equal.
func appendValue(to []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return append(to, 1)
		}
		return append(to, 0)
	case reflect.Int, reflect.Int64:
		return binary.BigEndian.AppendUint64(to, uint64(v.Int()))
	case reflect.Uint8:
		return append(to, byte(v.Uint()))
	case reflect.String:
		return appendText(to, v.String())
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return appendText(to, string(v.Bytes()))
		}
		to = binary.BigEndian.AppendUint64(to, uint64(v.Len()))
		for i := range v.Len() {
			to = appendValue(to, v.Index(i))
		}
		return to
	case reflect.Struct:
		if v.Type() == addrPortType {
			return appendText(to, v.Interface().(netip.AddrPort).String())
		}
		for i := range v.NumField() {
			to = appendValue(to, v.Field(i))
		}
		return to
	case reflect.Pointer:
		if v.IsNil() {
			return append(to, 0)
		}
		if v.Type() == regexpType {
			return appendText(append(to, 1), v.Interface().(*regexp.Regexp).String())
		}
		return appendValue(append(to, 1), v.Elem())
	case reflect.Interface: // Options, and nothing else
		if v.IsNil() {
			return append(to, 0)
		}
		to = appendText(append(to, 1), v.Interface().(Options).Kind())
		return appendValue(to, v.Elem())
	}
	panic(fmt.Sprintf("checker: a %s can't be part of a check's key", v.Type()))
}

func appendText(to []byte, text string) []byte {
	to = binary.BigEndian.AppendUint64(to, uint64(len(text)))
	return append(to, text...)
}
