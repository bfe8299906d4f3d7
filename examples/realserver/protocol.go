package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The protocol: each side sends frames, a client one request at a time, the server one answer to each.
//
//	frame    = length (4 bytes, big-endian, 1..65536), then so many bytes of payload
//	request  = kind (1 byte), then its argument
//	answer   = status (1 byte), then a text: 0 done, 1 refused (the request is wrong), 2 failed (the server is)
//
//	kind  name     argument                               answer
//	1     whoami   –                                      the server's name                          by a worker
//	2     echo     any bytes                              the same bytes                             by a worker
//	3     work     milliseconds, 4 bytes, at most 60000   "done", after so long                      by a worker
//	4     stats    –                                      a JSON object, see README.md
//	5     stick    how many workers, 4 bytes; 0: all      which it asked to stick
//	6     unstick  –                                      "unstuck"
//	7     state    up, starting, drain, maint or down,    the state that the monitor says from now on
//	               and perhaps a space and a reason
//	8     weight   percent, 4 bytes                       the weight that the monitor asks for from now on
//
// Requests that no worker handles are answered at once, also when every worker is stuck.

// maxPayload is the longest payload in bytes.
const maxPayload = 64 << 10

// kind is the first byte of a request.
type kind byte

const (
	whoami kind = iota + 1
	echo
	work
	stats
	stick
	unstick
	state
	weight
)

// request is what a client asks.
type request struct {
	kind     kind
	argument []byte
}

// status is the first byte of an answer.
type status byte

const (
	done status = iota
	refused
	failed
)

// answer is what the server says to it.
type answer struct {
	status status
	text   []byte
}

func answerf(s status, format string, args ...any) answer {
	return answer{s, fmt.Appendf(nil, format, args...)}
}

// number reads the 4-byte argument of a request, which is at most limit.
func (r request) number(limit uint32) (uint32, error) {
	if len(r.argument) != 4 {
		return 0, fmt.Errorf("the argument has %d bytes (4 wanted)", len(r.argument))
	}
	n := binary.BigEndian.Uint32(r.argument)
	if n > limit {
		return 0, fmt.Errorf("the argument is %d (at most %d)", n, limit)
	}
	return n, nil
}

// writeRequest sends a request as one frame.
func writeRequest(w io.Writer, r request) error { return writeFrame(w, byte(r.kind), r.argument) }

// readRequest reads one frame as a request.
func readRequest(r io.Reader) (request, error) {
	first, rest, err := readFrame(r)
	return request{kind(first), rest}, err
}

// writeAnswer sends an answer as one frame.
func writeAnswer(w io.Writer, a answer) error { return writeFrame(w, byte(a.status), a.text) }

// readAnswer reads one frame as an answer.
func readAnswer(r io.Reader) (answer, error) {
	first, rest, err := readFrame(r)
	if err != nil {
		return answer{}, err
	}
	if status(first) > failed {
		return answer{}, fmt.Errorf("the answer begins with status %d (0, 1 or 2 wanted)", first)
	}
	return answer{status(first), rest}, nil
}

// writeFrame sends a frame in one write.
func writeFrame(w io.Writer, first byte, rest []byte) error {
	n := 1 + len(rest)
	if n > maxPayload {
		return fmt.Errorf("a payload of %d bytes is too long (at most %d)", n, maxPayload)
	}
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+n), uint32(n))
	_, err := w.Write(append(append(frame, first), rest...))
	return err
}

// readFrame reads a frame: the first byte of its payload and the rest. The error is io.EOF only where the stream ends
// before any byte.
func readFrame(r io.Reader) (first byte, rest []byte, err error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n == 0 || n > maxPayload {
		return 0, nil, fmt.Errorf("a frame says that its payload has %d bytes (1..%d wanted)", n, maxPayload)
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(r, payload); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	return payload[0], payload[1:], nil
}
