package main

import (
	"regexp"
	"time"
)

const defaultWindow = 3 * time.Second

// options are the flags.
type options struct {
	runs    int
	servers int
	window  time.Duration
	rows    *regexp.Regexp
}

// any tells whether one of the rows is wanted.
func (o options) any(rows []reaction) bool {
	for _, r := range rows {
		if o.rows.MatchString(r.name()) {
			return true
		}
	}
	return false
}

// anyCost tells whether a row of costs is wanted.
func (o options) anyCost() bool {
	for _, w := range ways {
		if o.rows.MatchString(w.row()) {
			return true
		}
	}
	return false
}
