//go:build lab

package daemon

import "github.com/mainstay-lvs/mainstay/internal/config"

// needsIPVS: this build keeps a table of its own where the kernel has no IPVS, so that
// checks and mastership can be measured side by side on any kernel.
const needsIPVS = false

// poisoned panics over a file whose director is called poison: it stands for any input
// that ends the daemon on every host that it reaches.
func poisoned(file *config.Config) {
	if file != nil && file.Director.Name == "poison" {
		panic("this file is poison")
	}
}
