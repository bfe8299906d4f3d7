// Command fleet is what tests and benches of many real servers need, in one process of a
// lab's host or on loopback:
//
//	fleet serve -network 198.18.0.0 -count 2000 …   as many real servers, each a monitor at an
//	                                  address of its own, which send heartbeats as well if told to
//	fleet lossy -listen ADDRESS -to ADDRESS -percent 5
//	                                  passes datagrams on, but for those that it loses
//	fleet sources -port PORT          prints each address that datagrams to PORT come from
//	fleet record -port PORT -for 5s   prints datagrams to PORT, in hexadecimal, a line each
//	fleet play -from ADDRESS -to ADDRESS
//	                                  sends what record printed, from its input
//	fleet forge …                     a relay that lies about one of its children
//
// Server number i of a network is at its address i/250 "." i%250+1, monitor on port 9651,
// and heartbeats as that address with port 7000. Each prints a line that begins with
// "ready" once it works, and ends with SIGTERM or when its input does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("usage: fleet serve | lossy | sources | record | play | forge")
	}
	flags := flag.NewFlagSet("fleet "+args[0], flag.ContinueOnError)
	switch args[0] {
	case "serve":
		var f fleet
		var network, to string
		flags.StringVar(&network, "network", "127.100.0.0", "the first `address`, a multiple of 65536")
		flags.IntVar(&f.from, "from", 0, "the first server's `number`")
		flags.IntVar(&f.count, "count", 1, "how many servers")
		flags.StringVar(&f.secretFile, "secret-file", "", "`file` with the secret shared with directors")
		flags.StringVar(&to, "heartbeat-to", "", "send heartbeats to these `addresses`, separated by commas")
		flags.DurationVar(&f.interval, "interval", time.Second, "from one heartbeat to the next")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		if to != "" {
			f.to = strings.Split(to, ",")
		}
		var err error
		if f.network, err = netip.ParseAddr(network); err != nil {
			return err
		}
		return f.serve(ctx, out)
	case "lossy":
		var l lossy
		flags.StringVar(&l.listen, "listen", "", "take datagrams at this `address`")
		flags.StringVar(&l.to, "to", "", "pass them on to this `address`")
		flags.Float64Var(&l.percent, "percent", 5, "how many of 100 are lost")
		flags.Uint64Var(&l.seed, "seed", 1, "of the choice")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return l.pass(ctx, out)
	case "sources", "record":
		var s sniffer
		flags.IntVar(&s.port, "port", 9652, "the `port` that datagrams go to")
		duration := flags.Duration("for", time.Hour, "for how long")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, *duration)
		defer cancel()
		s.record = args[0] == "record"
		return s.sniff(ctx, out)
	case "play":
		from := flags.String("from", "0.0.0.0", "the `address` to send from")
		to := flags.String("to", "", "the `address` to send to")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return play(ctx, os.Stdin, *to, *from, out)
	case "forge":
		var f forger
		flags.StringVar(&f.listen, "listen", "", "hear heartbeats at this `address`")
		flags.StringVar(&f.to, "to", "", "relay to this `address`")
		flags.StringVar(&f.id, "id", "", "the relay's `name`")
		flags.StringVar(&f.victim, "victim", "", "the `id` of the child to lie about")
		flags.StringVar(&f.other, "other", "", "the `id` of a child whose key it uses")
		flags.StringVar(&f.secretFile, "secret-file", "", "`file` with the secret that keys are derived from")
		flags.DurationVar(&f.interval, "interval", time.Second, "from one round to the next")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return f.forge(ctx, out)
	}
	return fmt.Errorf("%q: want serve, lossy, sources, record, play or forge", args[0])
}
