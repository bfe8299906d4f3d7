package state

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

// OwnedFile is the name of the file that holds [Owned].
const OwnedFile = "owned.json"

// Owned are the virtual services that Mainstay has put, or was about to put, into
// a kernel's table. They are saved before they are added.
type Owned struct {
	Kernel   Kernel     `json:"kernel"`
	Services []ipvs.Key `json:"services"`
}

// Kernel tells one kernel table from another: a boot of a machine, and a network
// namespace in it.
type Kernel struct {
	BootID    string `json:"boot_id"`
	Namespace uint64 `json:"network_namespace"` // the inode of the namespace
}

// ThisKernel is the kernel table that this process works on.
func ThisKernel() (Kernel, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return Kernel{}, fmt.Errorf("read the boot id: %w", err)
	}
	var namespace unix.Stat_t
	if err := unix.Stat("/proc/self/ns/net", &namespace); err != nil {
		return Kernel{}, fmt.Errorf("look at the network namespace: %w", err)
	}
	return Kernel{BootID: strings.TrimSpace(string(id)), Namespace: namespace.Ino}, nil
}
