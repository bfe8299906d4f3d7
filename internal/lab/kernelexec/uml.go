package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// job is what the guest is to run. It and the guest's output travel in files of
// a folder that both kernels see, since kernel messages mix into the console.
type job struct {
	Argv []string
	Dir  string
	Env  []string
}

const (
	jobFile    = "job.json"
	outputFile = "output"
	statusFile = "status"
	// jobVariable names the folder; the kernel hands what it does not know of its
	// command line to init as its environment.
	jobVariable = "MAINSTAY_JOB"
	memory      = "1024M"
)

// runUML boots a User-Mode Linux whose init is this program, and waits for it.
func runUML(ctx context.Context, argv []string) (status int, err error) {
	linux, err := exec.LookPath("linux.uml")
	if err != nil {
		return 0, errors.New("this machine's kernel has no IPVS and there is no User-Mode Linux: apt-get install user-mode-linux")
	}
	dir, err := os.MkdirTemp("", "mainstay-kernel-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if err := writeJob(dir, argv); err != nil {
		return 0, err
	}
	output, err := os.Create(filepath.Join(dir, outputFile))
	if err != nil {
		return 0, err
	}
	defer output.Close()

	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	console, err := os.Create(filepath.Join(dir, "console"))
	if err != nil {
		return 0, err
	}
	defer console.Close()
	cmd := exec.CommandContext(ctx, linux, "mem="+memory, "rootfstype=hostfs", "rw", "root=/dev/root", "hostfs=/",
		"init="+self, jobVariable+"="+dir, "quiet", "con=null", "con0=fd:0,fd:1", "ssl=null")
	cmd.Stdout, cmd.Stderr = console, console
	// The kernel is a group of processes: they end together.
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	copyErr := follow(output, os.Stdout, exited)
	_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL) // what the kernel left behind

	if ctx.Err() != nil {
		return 0, fmt.Errorf("ended by a signal while %s ran", argv[0])
	}
	status, err = readStatus(dir)
	if err != nil {
		text, _ := os.ReadFile(console.Name())
		return 0, fmt.Errorf("the test kernel ended without a result (%w); its console said:\n%s", err, text)
	}
	return status, copyErr
}

func writeJob(dir string, argv []string) error {
	program, err := filepath.Abs(argv[0])
	if err != nil {
		return err
	}
	cwd, err := os.Getwd()
	if err != nil {
		return err
	}
	env := append(os.Environ(), "MAINSTAY_LAB=uml", "TMPDIR=/run/tmp")
	text, err := json.Marshal(job{Argv: append([]string{program}, argv[1:]...), Dir: cwd, Env: env})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, jobFile), text, 0o600)
}

// follow copies a file that grows until the process that fills it has exited.
func follow(file io.Reader, to io.Writer, exited <-chan error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-exited: // its error is known from the status file
			_, err := io.Copy(to, file)
			return err
		case <-tick.C:
			if _, err := io.Copy(to, file); err != nil {
				return err
			}
		}
	}
}

func readStatus(dir string) (int, error) {
	text, err := os.ReadFile(filepath.Join(dir, statusFile))
	if err != nil {
		return 0, err
	}
	var status int
	if _, err := fmt.Sscan(string(text), &status); err != nil {
		return 0, fmt.Errorf("status file: %w", err)
	}
	return status, nil
}
