package main

import (
	"strings"
	"testing"
)

func TestReadCountsTestsAndShowsWhatFailed(t *testing.T) {
	for _, c := range []struct {
		name, in       string
		passed, failed int
		shows          string
	}{
		{
			name: "a passing test with a subtest counts once",
			in: `{"Action":"pass","Package":"p","Test":"TestA/one"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Elapsed":0.1}`,
			passed: 1, shows: "pass  p",
		},
		{
			name: "a failing test shows its output and its subtests'",
			in: `{"Action":"output","Package":"p","Test":"TestA","Output":"outer\n"}
{"Action":"output","Package":"p","Test":"TestA/one","Output":"inner\n"}
{"Action":"fail","Package":"p","Test":"TestA/one"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`,
			failed: 1, shows: "inner",
		},
		{
			name:   "a skipped test is a failure",
			in:     `{"Action":"skip","Package":"p","Test":"TestA"}`,
			failed: 1, shows: "SKIP p TestA",
		},
		{
			name:   "a skipped subtest is a failure",
			in:     `{"Action":"skip","Package":"p","Test":"TestA/one"}`,
			failed: 1, shows: "SKIP p TestA/one",
		},
		{
			name: "a package without tests is nothing",
			in:   `{"Action":"skip","Package":"p"}`,
		},
		{
			name: "a test that did not end shows how far it came",
			in: `{"Action":"output","Package":"p","Test":"TestA","Output":"SIGQUIT\n"}
{"Action":"fail","Package":"p"}`,
			failed: 1, shows: "SIGQUIT",
		},
		{
			name: "a package that does not compile is a failure",
			in: `{"Action":"build-output","ImportPath":"p","Output":"p.go:1: no\n"}
{"Action":"fail","Package":"p"}`,
			failed: 1, shows: "p.go:1: no",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			got := read(strings.NewReader(c.in), &out)
			if got.passed != c.passed || got.failed != c.failed || !strings.Contains(out.String(), c.shows) {
				t.Errorf("%+v, want %d and %d; printed:\n%s", got, c.passed, c.failed, out.String())
			}
		})
	}
}
