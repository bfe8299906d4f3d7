// Command runtests runs the module's tests, first those of ordinary packages under
// the race detector, then those that want a kernel with IPVS, through kernelexec.
// It prints a line for each package, all output of what fails, and at the end, where
// those look who see only that, the names once more with the first thing said:
//
//	kernel tests: 12 on Linux 6.1.176
//	FAIL example.org/project/package TestThat: that_test.go:12: no answer
//	345 passed, 1 failed
//
// A skipped test counts as failed: a tool, a privilege or a kernel that is missing
// would otherwise pass for a test.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	kernelOnly := flag.Bool("kernel", false, "only the tests that want a kernel")
	unitOnly := flag.Bool("unit", false, "only the tests that want no kernel")
	run := flag.String("run", "", "only the tests whose names match this expression")
	flag.Parse()
	all, err := runAll(!*kernelOnly, !*unitOnly, *run)
	for _, name := range all.failed {
		fmt.Println(name)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "runtests:", err)
		os.Exit(1)
	}
	fmt.Printf("%d passed, %d failed\n", all.passed, len(all.failed))
	if len(all.failed) > 0 {
		os.Exit(1)
	}
}

func runAll(unit, kernel bool, pattern string) (all tally, err error) {
	common := []string{"test", "-json", "-timeout", "15m", "-run", pattern}
	if unit {
		all, err = goTest(nil, append(common, "-race", "./..."))
		if err != nil {
			return all, err
		}
	}
	if kernel {
		exec, err := filepath.Abs("bin/kernelexec")
		if err != nil {
			return all, err
		}
		version, err := kernelVersion(exec)
		if err != nil {
			return all, err
		}
		packages, err := kernelPackages()
		if err != nil {
			return all, err
		}
		args := append(common, "-tags", "kernel", "-count", "1", "-p", "2", "-exec", exec)
		t, err := goTest([]string{"CGO_ENABLED=0"}, append(args, packages...))
		if err != nil {
			return all, err
		}
		all.passed += t.passed
		all.failed = append(all.failed, t.failed...)
		fmt.Printf("kernel tests: %d on Linux %s\n", t.passed+len(t.failed), version)
	}
	return all, nil
}

// kernelVersion asks the test kernel, which shows at once whether there is one.
func kernelVersion(kernelexec string) (string, error) {
	out, err := exec.Command(kernelexec, "/bin/uname", "-r").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("there is no kernel to test on: %w\n%s", err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// kernelPackages are the packages with a file of tests for a kernel.
func kernelPackages() ([]string, error) {
	out, err := exec.Command("go", "list", "-tags", "kernel", "-f",
		`{{.ImportPath}} {{.TestGoFiles}} {{.XTestGoFiles}}`, "./...").Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var packages []string
	for line := range strings.Lines(string(out)) {
		if name, files, _ := strings.Cut(line, " "); strings.Contains(files, "_kernel_test.go") {
			packages = append(packages, name)
		}
	}
	if len(packages) == 0 {
		return nil, fmt.Errorf("no package has kernel tests (files *_kernel_test.go)")
	}
	return packages, nil
}

// event is one line of `go test -json` (go doc test2json).
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64
}

// tally is what one run of `go test` came to. Subtests count with their tests, and
// a package that fails outside any test, as one failure.
type tally struct {
	passed int
	failed []string // "FAIL package test: file_test.go:12: why", "SKIP …", "FAIL package"
}

func goTest(env, args []string) (tally, error) {
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return tally{}, err
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return tally{}, err
	}
	t := read(out, os.Stdout)
	err = cmd.Wait()
	if err != nil && len(t.failed) == 0 {
		return t, fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	if t.passed+len(t.failed) == 0 {
		return t, fmt.Errorf("go %s ran no test\n%s", strings.Join(args, " "), stderr.String())
	}
	return t, nil
}

// read counts the events of a run and prints what a person wants to see of them.
func read(in io.Reader, out io.Writer) tally {
	var t tally
	output := make(map[string]*strings.Builder) // by package and test
	failedIn := make(map[string]bool)           // packages with a failed test
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(out, lines.Text())
			continue
		}
		key := e.Package + " " + e.Test
		switch e.Action {
		case "output", "build-output":
			if output[key] == nil {
				output[key] = new(strings.Builder)
			}
			output[key].WriteString(e.Output)
		case "pass", "fail", "skip":
			t.end(e, out, output, failedIn)
			if e.Action == "pass" { // the rest is shown with the test it belongs to
				delete(output, key)
			}
		}
	}
	return t
}

// end takes in the end of a test or, where no test is named, of a package.
func (t *tally) end(e event, out io.Writer, output map[string]*strings.Builder, failedIn map[string]bool) {
	top := e.Test != "" && !strings.Contains(e.Test, "/")
	switch {
	case e.Test == "" && e.Action == "skip": // a package without tests
		return
	case e.Test == "" && e.Action == "fail":
		if !failedIn[e.Package] {
			t.failed = append(t.failed, "FAIL "+e.Package)
		}
		printAll(out, output, " ")           // what the compiler said
		printAll(out, output, e.Package+" ") // and tests that did not end
	case top && e.Action == "pass":
		t.passed++
	case top, e.Test != "" && e.Action == "skip":
		name := strings.ToUpper(e.Action) + " " + e.Package + " " + e.Test
		failedIn[e.Package] = true
		fmt.Fprintln(out, name)
		said := printAll(out, output, e.Package+" "+e.Test)
		t.failed = append(t.failed, name+firstReason(said))
	}
	if e.Test == "" {
		fmt.Fprintf(out, "%-5s %-60s %6.1f s\n", e.Action, e.Package, e.Elapsed)
	}
}

// reasonLine is what a test prints with t.Error and its kin, with t.Log too, or its panic.
var reasonLine = regexp.MustCompile(`(?m)^(?: +(\w+\.go:\d+: .*)|(panic: .*))$`)

// firstReason is the first such line, behind a colon.
func firstReason(said string) string {
	if m := reasonLine.FindStringSubmatch(said); m != nil {
		return ": " + m[1] + m[2]
	}
	return ""
}

// printAll prints the output of a test and of its subtests; of all that is left of a
// package where the key ends with a space. It returns what it printed.
func printAll(out io.Writer, output map[string]*strings.Builder, key string) string {
	var keys []string
	for k := range output {
		if k == key || strings.HasPrefix(k, key+"/") || strings.HasSuffix(key, " ") && strings.HasPrefix(k, key) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	var all strings.Builder
	for _, k := range keys {
		all.WriteString(output[k].String())
		delete(output, k)
	}
	fmt.Fprint(out, all.String())
	return all.String()
}
