// Command jitter measures whether directors keep time on a machine that has none to
// spare: a master and a backup at advertisements each 10 ms, every processor kept busy,
// and 5,000 TCP checks a second in the master's own daemon. A takeover then is one that
// nobody asked for. It is what make bench-jitter runs, first with Mainstay and then with
// keepalived under the same load, and wants root and what make build builds.
//
// Nothing is judged.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/lab"
	"github.com/mainstay-lvs/mainstay/internal/lab/pair"
)

func main() {
	duration := flag.Duration("duration", time.Minute, "how long each pair is measured, 1s to 10m")
	flag.Parse()
	if *duration < time.Second || *duration > 10*time.Minute {
		fmt.Fprintln(os.Stderr, "jitter: the duration is 1s to 10m")
		os.Exit(1)
	}
	if err := bench(*duration); err != nil {
		fmt.Fprintln(os.Stderr, "jitter:", err)
		os.Exit(1)
	}
}

// rows are the programs, keepalived as it comes and with the priority that it can be given.
var rows = []struct {
	name   string
	member pair.Member
}{
	{"mainstay", pair.Member{Program: pair.Mainstay}},
	{"keepalived", pair.Member{Program: pair.Keepalived}},
	{"keepalived, vrrp_rt_priority 50", pair.Member{Program: pair.Keepalived, More: "  vrrp_rt_priority 50\n"}},
}

func bench(duration time.Duration) error {
	printHeader(duration, runtime.NumCPU())
	for _, row := range rows {
		var r result
		if err := pair.Play(func(t lab.T) { r = measure(t, row.member, duration) }); err != nil {
			return fmt.Errorf("%s: %w", row.name, err)
		}
		r.print(row.name)
	}
	return nil
}
