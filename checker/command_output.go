package checker

import (
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// maxOutput bounds what is kept of a command's output, in bytes.
const maxOutput = 4 << 10

// output is the pipe for what a command prints. All of it is read, so that a command
// that prints much comes to its end, and the beginning kept.
type output struct {
	reader *os.File
	writer int // the command's end
	kept   []byte
	done   sync.WaitGroup
}

func newOutput() (*output, error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(ends[0], true); err != nil { // the command's end blocks
		unix.Close(ends[0])
		unix.Close(ends[1])
		return nil, err
	}
	o := &output{reader: os.NewFile(uintptr(ends[0]), "output"), writer: ends[1]}
	o.done.Go(o.collect)
	return o, nil
}

// closeWriter gives up this process's part of the command's end.
func (o *output) closeWriter() { unix.Close(o.writer) }

func (o *output) collect() {
	buf := make([]byte, maxOutput)
	for {
		n, err := o.reader.Read(buf)
		o.keep(buf[:n])
		if err != nil {
			return
		}
	}
}

func (o *output) keep(b []byte) { o.kept = append(o.kept, b[:min(len(b), maxOutput-len(o.kept))]...) }

// finish returns what was printed, once the command has ended. It waits for nobody:
// a process that fled the command's group may hold the pipe open for ever.
func (o *output) finish() []byte {
	o.reader.SetReadDeadline(time.Unix(1, 0))
	o.done.Wait()
	raw, err := o.reader.SyscallConn()
	if err == nil {
		raw.Control(func(fd uintptr) {
			buf := make([]byte, maxOutput)
			for len(o.kept) < maxOutput {
				n, err := unix.Read(int(fd), buf)
				if n <= 0 || err != nil {
					return
				}
				o.keep(buf[:n])
			}
		})
	}
	o.reader.Close()
	return o.kept
}
