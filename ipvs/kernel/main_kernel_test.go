//go:build kernel

package kernel_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/mainstay-lvs/mainstay/ipvs"
	"github.com/mainstay-lvs/mainstay/ipvs/kernel"
)

// TestMain refuses to touch the table of a kernel that was not made for tests.
func TestMain(m *testing.M) {
	if os.Getenv("MAINSTAY_LAB") == "" {
		fmt.Fprintln(os.Stderr, "these tests overwrite the kernel's IPVS table: run them with make test-kernel")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// open connects to the test kernel's table, which is empty then and afterwards.
func open(t testing.TB) *kernel.Conn {
	t.Helper()
	c, err := kernel.Open()
	if err != nil {
		t.Fatal(err)
	}
	ipvsadm(t, "-C")
	t.Cleanup(func() {
		ipvsadm(t, "-C")
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// ipvsadm runs the real ipvsadm and returns what it prints.
func ipvsadm(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.Command("ipvsadm", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("ipvsadm %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// reach makes the kernel's table the wanted one and fails on any refusal.
func reach(t testing.TB, c *kernel.Conn, wanted ipvs.Table) {
	t.Helper()
	failures, err := c.Apply(ipvs.Plan(read(t, c), wanted))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range failures {
		t.Error(f)
	}
}

func read(t testing.TB, c *kernel.Conn) ipvs.Table {
	t.Helper()
	snapshot, err := c.Read()
	if err != nil {
		t.Fatal(err)
	}
	return snapshot.Table
}

func parse(t testing.TB, text string) ipvs.Table {
	t.Helper()
	table, err := ipvs.ParseTable(text)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// thresholds are what ipvsadm leaves out when it saves a table.
var thresholds = regexp.MustCompile(` -[xy] \d+`)

// asIpvsadmSaves is a table as `ipvsadm -Sn` prints it.
func asIpvsadmSaves(table ipvs.Table) string { return thresholds.ReplaceAllString(table.String(), "") }
