// Command monitors measures what asking the monitors of real servers yields and costs: how
// soon a server that dies, stops or gets stuck is down, by polls and by a watch; and how much
// of a processor, of memory and of the network a director needs for thousands of servers,
// polled, watched, or heard by heartbeats, directly and through relays. It is what make
// bench-monitors runs, and wants root and what make build builds.
//
// What a kernel's table has to do with is measured on the test kernel, in the same way:
// bin/kernelexec bin/monitors -table.
//
// Nothing is judged.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"syscall"

	"github.com/mainstay-lvs/mainstay/internal/lab"
	"github.com/mainstay-lvs/mainstay/internal/lab/pair"
)

func main() {
	var o options
	var rows string
	flag.IntVar(&o.runs, "runs", 20, "how often each event is measured, and over how many windows each cost")
	flag.IntVar(&o.servers, "servers", 10000, "how many real servers the costs are of")
	flag.DurationVar(&o.window, "window", defaultWindow, "how long each window of a cost is")
	flag.StringVar(&rows, "rows", "", "only rows whose names, such as kill/watch or cost/poll, match this expression")
	table := flag.Bool("table", false, "measure the kernel's table, on the kernel that this runs on, and nothing else")
	see := flag.String("see", "", "print when the real server `SERVICE/SERVER` enters and leaves the kernel's table")
	flag.Parse()
	var err error
	if o.rows, err = regexp.Compile(rows); err != nil {
		err = fmt.Errorf("rows: %w", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	switch {
	case err != nil:
	case o.runs < 1 || o.servers < 1 || o.servers > 60000 || o.window <= 0:
		err = errors.New("runs and servers (at most 60000) are 1 or more, the window is above 0")
	case *see != "":
		err = seeTable(ctx, *see, os.Stdout)
	case *table:
		err = pair.Play(func(t lab.T) { reactions(t, o, tableRows) })
	default:
		err = bench(o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "monitors:", err)
		os.Exit(1)
	}
}

// bench measures everything.
func bench(o options) error {
	printReactionHeader(o)
	if err := pair.Play(func(t lab.T) { reactions(t, o, decidedRows) }); err != nil {
		return err
	}
	if o.any(tableRows) {
		guest := exec.Command("bin/kernelexec", "bin/monitors", "-table", "-runs", fmt.Sprint(o.runs), "-rows", o.rows.String())
		guest.Stdout, guest.Stderr = os.Stdout, os.Stderr
		if err := guest.Run(); err != nil {
			return fmt.Errorf("on the test kernel: %w", err)
		}
	}
	if o.anyCost() {
		printCostHeader(o)
		return pair.Play(func(t lab.T) { costs(t, o) })
	}
	return nil
}
