package wire

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
)

func TestCutLine(t *testing.T) {
	longest := strings.Repeat("x", MaxLine-1)
	for _, c := range []struct {
		buf, line, rest string
		complete        bool
		err             error
	}{
		{"", "", "", false, nil},
		{"a", "", "a", false, nil},
		{"\n", "", "", true, nil},
		{"\r\n", "", "", true, nil},
		{"a\n", "a", "", true, nil},
		{"a\r\nb\n", "a", "b\n", true, nil},
		{"a\r\r\n", "a\r", "", true, nil}, // one \r belongs to the end; the other is the parser's to refuse
		{longest, "", longest, false, nil},
		{longest + "\n", longest, "", true, nil},
		{longest + "x", "", longest + "x", false, ErrTooLong},
		{longest + "x\n", "", longest + "x\n", false, ErrTooLong},
	} {
		line, rest, err := CutLine([]byte(c.buf))
		if string(line) != c.line || string(rest) != c.rest || (line != nil) != c.complete || err != c.err {
			t.Errorf("%.20q (%d bytes): line %.20q, rest %.20q, error %v", c.buf, len(c.buf), line, rest, err)
		}
	}
}

// failing brings text, then err for ever.
func failing(text string, err error) io.Reader {
	return io.MultiReader(strings.NewReader(text), iotest.ErrReader(err))
}

func TestLineReader(t *testing.T) {
	reset := errors.New("connection reset by peer")
	long := strings.Repeat("x", MaxLine)
	for _, c := range []struct {
		name  string
		from  io.Reader
		lines []string
		err   string
		is    error
	}{
		{"an end before any byte", failing("", io.EOF), nil, "EOF", io.EOF},
		{"a failure before any byte", failing("", reset), nil, "connection reset by peer", reset},
		{"lines, then the end", failing("a\nb\r\n", io.EOF), []string{"a", "b"}, "EOF", io.EOF},
		{"an end within a line", failing("a\nbc", io.EOF), []string{"a"}, "the line breaks off after 2 bytes: unexpected EOF", io.ErrUnexpectedEOF},
		{"a failure within a line", failing("bc", reset), nil, "the line breaks off after 2 bytes: connection reset by peer", reset},
		{"an overlong line", failing("a\n"+long+"\n", io.EOF), []string{"a"}, "line longer than 1024 bytes", ErrTooLong},
		{"an end that comes with the last bytes", iotest.DataErrReader(strings.NewReader("a\n")), []string{"a"}, "EOF", io.EOF},
		{"a stream that brings nothing", neverReader{}, nil, "multiple Read calls return no data or error", io.ErrNoProgress},
	} {
		t.Run(c.name, func(t *testing.T) {
			lr := NewLineReader(c.from)
			for _, want := range c.lines {
				if line, err := lr.ReadLine(); err != nil || string(line) != want {
					t.Fatalf("line %q, error %v; wanted %q", line, err, want)
				}
			}
			for range 2 { // the error stays
				line, err := lr.ReadLine()
				if line != nil || err == nil || err.Error() != c.err || !errors.Is(err, c.is) {
					t.Errorf("line %q, error %v; wanted %s", line, err, c.err)
				}
			}
		})
	}
}

type neverReader struct{}

func (neverReader) Read([]byte) (int, error) { return 0, nil }

func TestLineReaderContinuesAfterADeadline(t *testing.T) {
	lr := NewLineReader(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("abc\nd\n"))))
	if _, err := lr.ReadLine(); !errors.Is(err, iotest.ErrTimeout) {
		t.Fatalf("error %v", err)
	}
	if lr.Buffered() != 1 {
		t.Errorf("%d bytes are kept, wanted 1", lr.Buffered())
	}
	for _, want := range []string{"abc", "d"} {
		if line, err := lr.ReadLine(); err != nil || string(line) != want {
			t.Fatalf("line %q, error %v", line, err)
		}
	}
	lr.Reset(iotest.ErrReader(os.ErrDeadlineExceeded))
	if _, err := lr.ReadLine(); !errors.Is(err, os.ErrDeadlineExceeded) || lr.Buffered() != 0 {
		t.Errorf("after a reset: error %v, %d bytes", err, lr.Buffered())
	}
}

// However a stream is cut into reads, a LineReader finds the lines that CutLine finds in the whole.
func FuzzLineReader(f *testing.F) {
	for _, seed := range []string{"", "a\nb\r\n\nc", strings.Repeat("x", 1023) + "\n" + strings.Repeat("y", 1024) + "\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		for _, from := range []io.Reader{bytes.NewReader(stream), iotest.OneByteReader(bytes.NewReader(stream))} {
			lr, rest := NewLineReader(from), stream
			for {
				want, after, err := CutLine(rest)
				got, gotErr := lr.ReadLine()
				if want == nil {
					if gotErr == nil || (err != nil) != errors.Is(gotErr, ErrTooLong) {
						t.Fatalf("line %q, error %v; wanted an end or %v", got, gotErr, err)
					}
					break
				}
				if gotErr != nil || !bytes.Equal(got, want) || len(got) >= MaxLine {
					t.Fatalf("line %q, error %v; wanted %q", got, gotErr, want)
				}
				rest = after
			}
		}
	})
}
