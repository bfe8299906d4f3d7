//go:build !lab

package daemon

import "github.com/mainstay-lvs/mainstay/internal/config"

// needsIPVS: a file with virtual services is refused on a kernel without IPVS.
const needsIPVS = true

// poisoned is for builds with the tag lab.
func poisoned(*config.Config) {}
