package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// CutLine takes the first line off buf, which holds what a stream has brought so far. It returns the line without its
// end ("\n", or "\r\n", which is taken too) and what follows it. Line is nil, and rest is buf, while the line is not
// complete. The error is ErrTooLong once the line can't end within MaxLine bytes any more.
func CutLine(buf []byte) (line, rest []byte, err error) {
	i := bytes.IndexByte(buf[:min(len(buf), MaxLine)], '\n')
	switch {
	case i < 0 && len(buf) >= MaxLine:
		return nil, buf, ErrTooLong
	case i < 0:
		return nil, buf, nil
	}
	line, rest = buf[:i:i], buf[i+1:]
	if i > 0 && line[i-1] == '\r' {
		line = line[: i-1 : i-1]
	}
	return line, rest, nil
}

// LineReader reads lines of at most MaxLine bytes from a stream and holds no more than that in memory. The zero value
// is of no use: make one with NewLineReader.
type LineReader struct {
	from   io.Reader
	buf    [MaxLine]byte
	unread []byte // the part of buf that was read and not yet handed out
}

// NewLineReader returns a LineReader that reads from r.
func NewLineReader(r io.Reader) *LineReader { return &LineReader{from: r} }

// Reset lets the reader start afresh on r; what was buffered is forgotten.
func (lr *LineReader) Reset(r io.Reader) { lr.from, lr.unread = r, nil }

// Buffered returns the number of bytes that came from the stream and were not handed out yet. A director that finds
// some there before it asks has been sent what it didn't ask for.
func (lr *LineReader) Buffered() int { return len(lr.unread) }

// ReadLine returns the next line without its end. The line is valid until the next call.
//
// Where the stream ends or fails before any byte of the line, that error is returned as it is: io.EOF, or whatever the
// stream says. After some bytes the error says how many came, and wraps io.ErrUnexpectedEOF or the stream's error. The
// bytes are kept: a read that met its deadline can be continued. A line over MaxLine gives ErrTooLong, again and again.
func (lr *LineReader) ReadLine() ([]byte, error) {
	for empty := 0; ; {
		line, rest, err := CutLine(lr.unread)
		if err != nil {
			return nil, err
		}
		if line != nil {
			lr.unread = rest
			return line, nil
		}
		have := copy(lr.buf[:], lr.unread)
		n, err := lr.from.Read(lr.buf[have:])
		lr.unread = lr.buf[:have+n]
		switch {
		case n > 0:
			empty = 0 // whatever came with the bytes comes again with the next read
		case err == nil:
			if empty++; empty == 100 {
				return nil, io.ErrNoProgress
			}
		case have == 0:
			return nil, err
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("the line breaks off after %d bytes: %w", have, io.ErrUnexpectedEOF)
		default:
			return nil, fmt.Errorf("the line breaks off after %d bytes: %w", have, err)
		}
	}
}
