package lab

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// networkVariable says, in the environment, how far [OwnNetwork] has come.
const networkVariable = "MAINSTAY_LAB_NETWORK"

// OwnNetwork has this program run in a network namespace of its own, with its loopback
// interface up, where the names of further namespaces are nobody else's either. It is for
// TestMain, before all else: the program is executed anew, so that no thread of it is
// anywhere else. In a program that a test started there it does nothing. It wants root.
func OwnNetwork() error {
	switch os.Getenv(networkVariable) {
	case "":
		return fmt.Errorf("a network namespace for the tests: %w", executeApart())
	case "entered":
		if err := os.Setenv(networkVariable, "ready"); err != nil {
			return err
		}
		for _, command := range []string{"mkdir -p /run/netns", "mount -t tmpfs none /run/netns", "ip link set lo up"} {
			argv := strings.Fields(command)
			if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
				return fmt.Errorf("a network namespace for the tests: %s: %w: %s", command, err, out)
			}
		}
	}
	return nil
}

// executeApart executes this program anew, in fresh namespaces. It returns only where it
// can't.
func executeApart() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		return err
	}
	argv := append([]string{unshare, "--net", "--mount", "--", self}, os.Args[1:]...)
	return syscall.Exec(unshare, argv, append(os.Environ(), networkVariable+"=entered"))
}
