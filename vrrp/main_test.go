package vrrp

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// inNamespace is set in the environment of the tests that run in a network of their
// own.
const inNamespace = "MAINSTAY_VRRP_TEST_NAMESPACE"

// TestMain runs all tests in a network namespace of their own: they send
// advertisements.
func TestMain(m *testing.M) {
	if os.Getenv(inNamespace) == "" {
		fmt.Fprintln(os.Stderr, "a network namespace for the tests:", enterNamespace())
		os.Exit(1)
	}
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "ip link set lo up: %v: %s\n", err, out)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// enterNamespace runs this program again, in its place and in a fresh network
// namespace. It returns only where it can't.
func enterNamespace() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		return err
	}
	args := append([]string{"unshare", "--net", "--mount", "--", self}, os.Args[1:]...)
	return syscall.Exec(unshare, args, append(os.Environ(), inNamespace+"=yes"))
}
