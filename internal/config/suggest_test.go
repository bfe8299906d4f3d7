package config

import "testing"

func TestNearest(t *testing.T) {
	keys := []string{"name", "address", "scheduler", "scheduler_flags", "real_servers", "on_failure", "tcp", "http", "rr", "wrr"}
	for _, tc := range []struct{ given, want string }{
		{"schedular", "scheduler"},            // a letter changed
		{"shceduler", "scheduler"},            // two swapped
		{"scheduler_flag", "scheduler_flags"}, // one left out
		{"adress", "address"},
		{"real-servers", "real_servers"}, // - for _
		{"realServers", "real_servers"},
		{"NAME", "name"},
		{"htttp", "http"},
		{"wr", "rr"}, // the first of two as near
		{"udp", ""},  // two of three letters
		{"colour", ""},
		{"", ""},
		{"virtual_routers", ""},
	} {
		if got, _ := nearest(tc.given, keys); got != tc.want {
			t.Errorf("nearest(%q) = %q, want %q", tc.given, got, tc.want)
		}
	}
}

func TestSlips(t *testing.T) {
	for _, tc := range []struct {
		from, to string
		want     int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"abc", "abc", 0},
		{"abc", "acb", 1},
		{"kitten", "sitting", 3},
		{"ä", "a", 1},
	} {
		if got := slips(tc.from, tc.to); got != tc.want {
			t.Errorf("slips(%q, %q) = %d, want %d", tc.from, tc.to, got, tc.want)
		}
	}
}
