//go:build kernel

package main

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// On a kernel that has IPVS, as the test kernel has, a program runs in namespaces of
// its own there: what it does to the table is not seen outside, and its exit status is
// passed on.
func TestInFreshNamespacesOfAKernelWithIPVS(t *testing.T) {
	if os.Getenv("MAINSTAY_LAB") == "" {
		t.Fatal("this test wants a kernel of its own: run it with make test-kernel")
	}
	const script = `echo "lab: $MAINSTAY_LAB"; ipvsadm -A -t 192.0.2.1:80 -s rr; ipvsadm -Sn; ls /sys/class/net; exit 7`
	out, err := exec.Command("../../../bin/kernelexec", "/bin/sh", "-c", script).CombinedOutput()
	if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("%v, want exit status 7", err)
	}
	if want := "lab: native\n-A -t 192.0.2.1:80 -s rr\nlo\n"; string(out) != want {
		t.Errorf("printed\n%swant\n%s", out, want)
	}
	if outside, err := exec.Command("ipvsadm", "-Sn").CombinedOutput(); err != nil || strings.Contains(string(outside), "192.0.2.1:80") {
		t.Errorf("seen outside: %v\n%s", err, outside)
	}
}
