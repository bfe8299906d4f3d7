// Command mainstay keeps a Linux Virtual Server up: it is the daemon that runs on a
// director, and the commands that its operators use.
package main

import (
	"os"

	"github.com/mainstay-lvs/mainstay/internal/control"
	"github.com/mainstay-lvs/mainstay/internal/daemon"
	"github.com/mainstay-lvs/mainstay/internal/mastership"
)

// version is set when a release is built: -ldflags '-X main.version=1.2.3'.
var version = "unknown"

func main() {
	// The daemon starts its mastership process so: it is no command for people.
	if len(os.Args) > 1 && os.Args[1] == mastership.Command {
		os.Exit(mastership.Main(os.Args[2:]))
	}
	a := &app{
		version:  version,
		stdout:   os.Stdout,
		stderr:   os.Stderr,
		run:      daemon.Run,
		validate: daemon.Validate,
		plan:     daemon.Plan,
		probe:    daemon.Probe,
		ask:      func(socket string) control.Backend { return control.NewClient(socket) },
	}
	os.Exit(a.main(os.Args[1:]))
}
