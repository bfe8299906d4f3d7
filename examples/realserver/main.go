// Realserver is a small server with a protocol of its own that embeds Mainstay's monitor: an example of a program whose
// health nobody can see from outside, since its port goes on accepting when its workers are stuck. It is its own client
// as well. README.md shows how to use it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is the program: it returns 0 when all went well, 1 when something failed, 2 when it was called wrongly.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	host, err := os.Hostname()
	if err != nil {
		host = "realserver"
	}
	var so serverOptions
	var co clientOptions
	var holding bool
	flags := flag.NewFlagSet("realserver", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&so.listen, "listen", ":7000", "serve clients on this `address`")
	flags.StringVar(&so.monitor, "monitor", ":9651", "answer directors on this `address`")
	flags.StringVar(&so.name, "name", host, "the server's `name`, which whoami answers")
	flags.StringVar(&so.service, "service", "realserver", "the `service` that directors ask for")
	flags.IntVar(&so.workers, "workers", 4, "how many requests are worked on at once")
	flags.StringVar(&so.secretFile, "secret-file", "", "`file` with the secret shared with the directors; none: anybody may ask")
	flags.DurationVar(&so.stuckAfter, "stuck-after", 2*time.Second, "a worker without progress for this long is stuck")
	flags.DurationVar(&so.leave, "leave", 3*time.Second, "on SIGTERM say maint for at most this long; 0: not at all")
	flags.DurationVar(&so.grace, "grace", 10*time.Second, "then finish open work for at most this long")
	flags.StringVar(&so.heartbeatTo, "heartbeat-to", "", "send heartbeats to these directors and relays, `addresses` separated by commas")
	flags.StringVar(&so.heartbeatID, "heartbeat-id", "", "the `id` under which directors know this server, such as 192.0.2.21:7000")
	flags.StringVar(&so.heartbeatKeyFile, "heartbeat-key-file", "", "`file` with the key of that id; none: heartbeats are not signed")
	flags.DurationVar(&so.heartbeatEvery, "heartbeat-every", time.Second, "from one heartbeat to the next")
	flags.StringVar(&co.address, "call", "", "be a client of the server at this `address`")
	flags.DurationVar(&co.timeout, "timeout", 2*time.Second, "client: how long one request may take")
	flags.IntVar(&co.count, "count", 1, "client: how many requests, each on a connection of its own; 0: without end")
	flags.DurationVar(&co.every, "every", time.Second, "client: from the start of one request to the next")
	flags.BoolVar(&holding, "hold", false, "client: keep one connection, and send a request for each line of stdin")
	flags.Usage = func() {
		fmt.Fprintf(stderr, "usage: realserver [flags]\n       realserver -call ADDRESS [flags] REQUEST\n       realserver -call ADDRESS -hold [flags]\nREQUEST: %s\n", usage)
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if co.address == "" {
		if flags.NArg() > 0 {
			return say(stderr, 2, fmt.Errorf("%q is not a flag; to send a request, -call ADDRESS comes before it", flags.Arg(0)))
		}
		return say(stderr, 1, serve(context.Background(), so, stdout, stderr))
	}
	if holding {
		if flags.NArg() > 0 {
			return say(stderr, 2, fmt.Errorf("with -hold requests come from stdin, not %q", flags.Arg(0)))
		}
		return say(stderr, 1, hold(context.Background(), co, stdin, stdout))
	}
	r, err := parseWords(flags.Args())
	if err != nil {
		return say(stderr, 2, err)
	}
	ctx, ignoreSignals := signal.NotifyContext(context.Background(), os.Interrupt)
	defer ignoreSignals()
	return say(stderr, 1, call(ctx, co, r, stdout, stderr))
}

// say tells an error, if there is one, and returns the exit status.
func say(stderr io.Writer, status int, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "realserver:", err)
	return status
}
