package wire

import (
	"strconv"
	"strings"
)

// MaxLine is the longest line in bytes, its end ("\n" or "\r\n") included.
const MaxLine = 1024

// maxContent is the longest line in bytes without its end.
const maxContent = MaxLine - 1

// Line is one line of any protocol of this package: MONITOR/1 up service=bastion seq=12.
type Line struct {
	// Protocol is the protocol with its version, such as MONITOR/1.
	Protocol string
	// Verb is the word after the protocol: a request's method or an answer's state. It may be absent, as in RELAY/1.
	Verb string
	// Fields are the key=value pairs in the order of the line. No key stands there twice.
	Fields []Field
}

// Field is one key=value pair of a line.
type Field struct {
	// Key is 1..32 lower-case letters, digits, _ and -, the first a letter.
	Key string
	// Value is printable ASCII, without the quotes and escapes that it had or will have.
	Value string
	// Quoted says that the value stood, or is to be printed, in double quotes. A value that can't stand without them
	// is printed in quotes whatever Quoted says.
	Quoted bool
}

// ParseLine reads a line, given without its end. The error wraps ErrTooLong or ErrMalformed and says what is wrong
// where.
func ParseLine(line []byte) (Line, error) {
	if len(line) > maxContent {
		return Line{}, ErrTooLong
	}
	if i := firstUnprintable(line); i >= 0 {
		return Line{}, malformed("byte %d is 0x%02x, which is not printable ASCII", i+1, line[i])
	}
	var l Line
	var rest string
	var more bool
	l.Protocol, rest, more = strings.Cut(string(line), " ")
	if !isProtocol(l.Protocol) {
		return Line{}, malformed("it begins with %s, not with a protocol and version such as MONITOR/1", clip(l.Protocol))
	}
	if word, after, found := strings.Cut(rest, " "); more && !strings.Contains(word, "=") {
		if !isKey(word) {
			return Line{}, malformed("after %s comes %s, which is neither a lower-case word nor key=value", l.Protocol, clip(word))
		}
		l.Verb, rest, more = word, after, found
	}
	for more {
		var field Field
		var err error
		if field, rest, more, err = cutField(rest); err != nil {
			return Line{}, err
		}
		if _, twice := l.Get(field.Key); twice {
			return Line{}, malformed("the key %s is given twice", field.Key)
		}
		l.Fields = append(l.Fields, field)
	}
	return l, nil
}

// cutField reads one key=value pair from the beginning of s. More says that a space followed, and thus that another
// pair must.
func cutField(s string) (field Field, rest string, more bool, err error) {
	key, after, found := strings.Cut(s, "=")
	if !found || !isKey(key) {
		return Field{}, "", false, malformed("%s is not key=value with a lower-case key, one space between two of them", clip(s))
	}
	field.Key = key
	if strings.HasPrefix(after, `"`) {
		field.Quoted = true
		if field.Value, rest, err = cutQuoted(key, after); err != nil {
			return Field{}, "", false, err
		}
		if rest == "" {
			return field, "", false, nil
		}
		if rest[0] != ' ' {
			return Field{}, "", false, malformed("after the value of %s comes %s, not a space", key, clip(rest))
		}
		return field, rest[1:], true, nil
	}
	field.Value, rest, more = strings.Cut(after, " ")
	if !isBare(field.Value) {
		return Field{}, "", false, malformed("the value of %s is %s, which needs double quotes: without them it is 1..%d of A-Z a-z 0-9 . _ : / + - [ ]",
			key, clip(field.Value), maxBare)
	}
	return field, rest, more, nil
}

// Get returns the value of key and whether the line has it.
func (l Line) Get(key string) (value string, given bool) {
	for _, f := range l.Fields {
		if f.Key == key {
			return f.Value, true
		}
	}
	return "", false
}

// Number returns the value of key as an unsigned 64-bit integer in decimal digits, and whether the line has it. The
// error wraps ErrMalformed.
func (l Line) Number(key string) (Optional, error) {
	value, given := l.Get(key)
	if !given {
		return Optional{}, nil
	}
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		return Optional{}, malformed("the value of %s is %s, not an unsigned 64-bit integer", key, clip(value))
	}
	return Some(n), nil
}

// AppendText appends the line without an end to dst. The error wraps ErrMalformed where a part of the line breaks the
// grammar, ErrTooLong where the line would be longer than MaxLine.
func (l Line) AppendText(dst []byte) ([]byte, error) {
	before := len(dst)
	if !isProtocol(l.Protocol) {
		return dst, malformed("the protocol is %s, not one such as MONITOR/1", clip(l.Protocol))
	}
	dst = append(dst, l.Protocol...)
	if l.Verb != "" {
		if !isKey(l.Verb) {
			return dst[:before], malformed("the verb is %s, not a lower-case word", clip(l.Verb))
		}
		dst = append(append(dst, ' '), l.Verb...)
	}
	for i, f := range l.Fields {
		if !isKey(f.Key) {
			return dst[:before], malformed("the key %s is not lower-case letters, digits, _ and -", clip(f.Key))
		}
		if _, twice := (Line{Fields: l.Fields[:i]}).Get(f.Key); twice {
			return dst[:before], malformed("the key %s is given twice", f.Key)
		}
		if firstUnprintable(f.Value) >= 0 {
			return dst[:before], malformed("the value of %s is %s, which is not printable ASCII", f.Key, clip(f.Value))
		}
		dst = append(append(append(dst, ' '), f.Key...), '=')
		if f.Quoted || !isBare(f.Value) {
			dst = appendQuoted(dst, f.Value)
		} else {
			dst = append(dst, f.Value...)
		}
	}
	if len(dst)-before > maxContent {
		return dst[:before], ErrTooLong
	}
	return dst, nil
}

// Optional is an unsigned number that a line may leave out. Optionals are comparable with ==.
type Optional struct {
	// Value is the number, 0 where it was not given.
	Value uint64
	// Given says that the line has it.
	Given bool
}

// Some returns an Optional that is given.
func Some(value uint64) Optional { return Optional{Value: value, Given: true} }

// Or returns the number, or other where it was not given.
func (o Optional) Or(other uint64) uint64 {
	if o.Given {
		return o.Value
	}
	return other
}
