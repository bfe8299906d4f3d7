package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
)

// lossy is a network that loses datagrams.
type lossy struct {
	listen, to string
	percent    float64
	seed       uint64
}

// pass passes datagrams on until ctx ends, each with its chance of being lost, and then
// prints how many came and how many of them were lost.
func (l *lossy) pass(ctx context.Context, out io.Writer) error {
	in, err := net.ListenPacket("udp", l.listen)
	if err != nil {
		return err
	}
	defer in.Close()
	defer context.AfterFunc(ctx, func() { in.Close() })()
	to, err := net.Dial("udp", l.to)
	if err != nil {
		return err
	}
	defer to.Close()
	chance := rand.New(rand.NewPCG(l.seed, 0))
	fmt.Fprintln(out, "ready")
	came, lost := 0, 0
	for b := make([]byte, 64<<10); ; {
		n, _, err := in.ReadFrom(b)
		if ctx.Err() != nil {
			fmt.Fprintf(out, "lost %d of %d\n", lost, came)
			return nil
		}
		if err != nil {
			return err
		}
		if came++; chance.Float64() < l.percent/100 {
			lost++
		} else if _, err := to.Write(b[:n]); err != nil {
			lost++ // nobody listens there
		}
	}
}
