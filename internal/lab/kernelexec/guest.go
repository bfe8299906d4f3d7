package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// modules are loaded before the program runs, since nothing loads them on demand
// here. One scheduler is left out on purpose: it is the scheduler that the kernel
// does not have.
var modules = []string{
	"ip_vs", "ip_vs_rr", "ip_vs_wrr", "ip_vs_lc", "ip_vs_wlc", "ip_vs_lblc", "ip_vs_lblcr", "ip_vs_dh", "ip_vs_sh",
	"ip_vs_mh", "ip_vs_sed", "ip_vs_nq", "ip_vs_fo", "veth", "bridge", "dummy", "sch_netem",
}

// bootGuest is init of the test kernel: it prepares it, runs the job, and powers
// it off. A missing status file tells the other side that it failed.
func bootGuest() {
	dir := os.Getenv(jobVariable)
	if err := prepareGuest(); err != nil {
		fmt.Println("kernelexec: prepare the test kernel:", err)
	} else if status, err := runJob(dir); err != nil {
		fmt.Println("kernelexec: run the program:", err)
	} else if err := os.WriteFile(filepath.Join(dir, statusFile), fmt.Appendln(nil, status), 0o600); err != nil {
		fmt.Println("kernelexec: write the result:", err)
	}
	unix.Sync()
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF); err != nil {
		fmt.Println("kernelexec: power off:", err)
	}
	select {}
}

func prepareGuest() error {
	for _, m := range []struct{ kind, on string }{
		{"proc", "/proc"}, {"sysfs", "/sys"}, {"tmpfs", "/run"}, {"tmpfs", "/mnt"},
	} {
		if err := unix.Mount("lab", m.on, m.kind, 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.on, err)
		}
	}
	// The modules of this kernel are not where modprobe looks for them.
	for _, dir := range []string{"/mnt/lib", "/run/tmp", "/run/netns"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := os.Chmod("/run/tmp", 0o777|os.ModeSticky); err != nil {
		return err
	}
	if err := os.Symlink("/usr/lib/uml/modules", "/mnt/lib/modules"); err != nil {
		return err
	}
	if err := os.Setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"); err != nil {
		return err
	}
	if out, err := exec.Command("modprobe", append([]string{"-a", "-d", "/mnt"}, modules...)...).CombinedOutput(); err != nil {
		return fmt.Errorf("modprobe: %w: %s", err, out)
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(lo)
}

// runJob runs the program and returns its exit status, 128 and the signal's number
// where a signal ended it.
func runJob(dir string) (int, error) {
	text, err := os.ReadFile(filepath.Join(dir, jobFile))
	if err != nil {
		return 0, err
	}
	var j job
	if err := json.Unmarshal(text, &j); err != nil {
		return 0, err
	}
	output, err := os.OpenFile(filepath.Join(dir, outputFile), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return 0, err
	}
	defer output.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	p, err := os.StartProcess(j.Argv[0], j.Argv, &os.ProcAttr{
		Dir: j.Dir, Env: j.Env, Files: []*os.File{null, output, output},
	})
	if err != nil {
		return 0, err
	}
	return reapUntil(p.Pid)
}

// reapUntil waits for a process, and for all others that have become init's.
func reapUntil(pid int) (int, error) {
	for {
		var ws unix.WaitStatus
		got, err := unix.Wait4(-1, &ws, 0, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case got == pid && ws.Signaled():
			return 128 + int(ws.Signal()), nil
		case got == pid:
			return ws.ExitStatus(), nil
		}
	}
}
