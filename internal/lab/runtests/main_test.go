package main

import (
	"strings"
	"testing"
)

func TestReadCountsTestsAndShowsWhatFailed(t *testing.T) {
	for _, c := range []struct {
		name, in string
		passed   int
		failed   string
		shows    string
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
			in: `{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestA/one","Output":"    a_test.go:12: inner\n    a_test.go:13: more\n"}
{"Action":"fail","Package":"p","Test":"TestA/one"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`,
			failed: "FAIL p TestA: a_test.go:12: inner", shows: "a_test.go:13: more",
		},
		{
			name: "a test that panics",
			in: `{"Action":"output","Package":"p","Test":"TestA","Output":"panic: no map\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`,
			failed: "FAIL p TestA: panic: no map", shows: "panic",
		},
		{
			name: "a skipped test is a failure and shows why",
			in: `{"Action":"output","Package":"p","Test":"TestA","Output":"missing\n"}
{"Action":"skip","Package":"p","Test":"TestA"}`,
			failed: "SKIP p TestA", shows: "missing",
		},
		{
			name: "so is a skipped subtest",
			in: `{"Action":"output","Package":"p","Test":"TestA/one","Output":"missing\n"}
{"Action":"skip","Package":"p","Test":"TestA/one"}`,
			failed: "SKIP p TestA/one", shows: "missing",
		},
		{
			name: "a package without tests is nothing",
			in:   `{"Action":"skip","Package":"p"}`,
		},
		{
			name: "a test that did not end shows how far it came",
			in: `{"Action":"output","Package":"p","Test":"TestA","Output":"SIGQUIT\n"}
{"Action":"fail","Package":"p"}`,
			failed: "FAIL p", shows: "SIGQUIT",
		},
		{
			name: "a package that does not compile is a failure",
			in: `{"Action":"build-output","ImportPath":"p","Output":"p.go:1: no\n"}
{"Action":"fail","Package":"p"}`,
			failed: "FAIL p", shows: "p.go:1: no",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			got := read(strings.NewReader(c.in), &out)
			if got.passed != c.passed || strings.Join(got.failed, "\n") != c.failed || !strings.Contains(out.String(), c.shows) {
				t.Errorf("%+v, want %d and %q; printed:\n%s", got, c.passed, c.failed, out.String())
			}
		})
	}
}
