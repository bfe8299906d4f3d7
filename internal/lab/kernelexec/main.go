// Command kernelexec runs a program on a kernel that has IPVS, so that
//
//	go test -exec kernelexec ./ipvs/kernel
//
// tests against the real thing on any machine. Where this machine's own kernel
// has IPVS and the caller is root, the program runs in fresh namespaces of it;
// elsewhere on User-Mode Linux, a Linux kernel that runs as an ordinary process
// with this machine's files as its root.
//
// The program's output and exit status are passed on. It finds the environment
// variable MAINSTAY_LAB set to "native" or "uml".
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func main() {
	if os.Getpid() == 1 {
		bootGuest() // does not return
	}
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: kernelexec PROGRAM [ARGUMENT ...]")
		os.Exit(2)
	}
	status, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "kernelexec:", err)
		os.Exit(1)
	}
	os.Exit(status)
}

func run(argv []string) (status int, err error) {
	// SIGQUIT is how `go test` ends a program that ran into its timeout.
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGQUIT)
	defer stop()
	if os.Getuid() == 0 && hasIPVS() {
		return runNative(ctx, argv)
	}
	return runUML(ctx, argv)
}

func hasIPVS() bool {
	_, err := netlink.GenlFamilyGet("IPVS")
	return err == nil
}

// runNative runs the program in namespaces of its own on this kernel.
func runNative(ctx context.Context, argv []string) (int, error) {
	script := `mount --make-rprivate / && mount -t tmpfs lab /run && mkdir -p /run/tmp && mount -t sysfs lab /sys && ip link set lo up && exec "$@"`
	argv = append([]string{"unshare", "--net", "--mount", "sh", "-c", script, "sh"}, argv...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "MAINSTAY_LAB=native", "TMPDIR=/run/tmp")
	err := cmd.Run()
	if exit := new(exec.ExitError); errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	return 0, err
}
