package config

import (
	"fmt"
	"slices"
	"strings"
)

// nearest finds the word that was probably meant: the one that the fewest
// slips of the keyboard turn into the given one, at most one for each three
// letters and at least one. Case and the choice of - or _ don't count.
func nearest(given string, words []string) (string, bool) {
	if len(given) > 64 {
		return "", false
	}
	same := strings.NewReplacer("-", "_")
	given = same.Replace(strings.ToLower(given))
	best, found := max(1, len(given)/3)+1, ""
	for _, w := range words {
		if d := slips(given, same.Replace(strings.ToLower(w))); d < best && d < len(w) {
			best, found = d, w
		}
	}
	return found, found != ""
}

// slips counts the letters to add, drop, change, or swap with their neighbour
// that lead from one word to another (the optimal string alignment distance).
func slips(from, to string) int {
	a, b := []rune(from), []rune(to)
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	before, last, row := rows[0], rows[1], rows[2]
	for j := range row {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// elsewhere are words of keepalived's whose meaning has another name here, by the key
// that must be known where they stand.
var elsewhere = map[string]struct{ key, hint string }{
	"vrrp_instance":              {"virtual_routers", "an entry of virtual_routers here"},
	"vrrp_sync_group":            {"virtual_routers", "sync_group of each virtual router here"},
	"vrrp_script":                {"virtual_routers", "track: {commands: […]} of a virtual router here"},
	"virtual_server":             {"virtual_services", "an entry of virtual_services here"},
	"global_defs":                {"director", "director here"},
	"state":                      {"vrid", "not needed here: the priority says who is master"},
	"virtual_router_id":          {"vrid", "vrid here"},
	"advert_int":                 {"advert_interval", "advert_interval here, such as 1s"},
	"nopreempt":                  {"preempt", "preempt: false here"},
	"virtual_ipaddress":          {"addresses", "addresses here"},
	"virtual_ipaddress_excluded": {"extra_addresses", "extra_addresses here"},
	"unicast_src_ip":             {"unicast", "unicast: {source: …} here"},
	"unicast_peer":               {"unicast", "unicast: {peers: […]} here"},
	"track_interface":            {"track", "track: {interfaces: […]} here"},
	"track_script":               {"track", "track: {commands: […]} here"},
	"authentication":             {"auth_pass_file", "auth_pass_file here"},
	"auth_pass":                  {"auth_pass_file", "auth_pass_file here: the password in a file of its own"},
	"lvs_sync_daemon":            {"connection_sync", "connection_sync here"},
	"use_vmac":                   {"vrid", "not there: the interface's own address is used"},
	"lb_algo":                    {"scheduler", "scheduler here"},
	"lvs_sched":                  {"scheduler", "scheduler here"},
	"lb_kind":                    {"forward", "forward here"},
	"lvs_method":                 {"forward", "forward here"},
	"persistence_timeout":        {"persistence", "persistence: {timeout: …} here"},
	"delay_loop":                 {"checks", "interval of a check here"},
	"real_server":                {"real_servers", "an entry of real_servers here"},
	"TCP_CHECK":                  {"tcp", "tcp here"},
	"HTTP_GET":                   {"http", "http here"},
	"SSL_GET":                    {"http", "http: {scheme: https} here"},
	"SMTP_CHECK":                 {"exchange", "exchange here, with the steps written out"},
	"MISC_CHECK":                 {"command", "command here"},
	"UDP_CHECK":                  {"udp", "udp here"},
	"DNS_CHECK":                  {"dns", "dns here"},
	"PING_CHECK":                 {"ping", "ping here"},
	"misc_path":                  {"argv", "argv here: a list, without a shell"},
	"misc_dynamic":               {"dynamic_weight", "dynamic_weight here"},
	"misc_timeout":               {"timeout", "timeout here"},
	"payload":                    {"send_hex", "send or send_hex here"},
	"connect_ip":                 {"address", "address here"},
	"connect_port":               {"port", "port here"},
	"connect_timeout":            {"timeout", "timeout here"},
	"delay_before_retry":         {"fast_interval", "fast_interval here"},
	"retry":                      {"fall", "fall here: retry + 1"},
}

// wanted says what may stand in place of a word: what keepalived's word is here, the
// one that was probably meant, or all.
func wanted(given string, words []string) string {
	if e, ok := elsewhere[given]; ok && slices.Contains(words, e.key) {
		return "keepalived's " + given + " is " + e.hint
	}
	if w, ok := nearest(given, words); ok {
		return "did you mean " + w + "?"
	}
	return "want " + oneOf(words)
}

// oneOf lists words for a message, not more than a reader will read.
func oneOf(words []string) string {
	const most = 20
	switch {
	case len(words) == 1:
		return words[0]
	case len(words) > most:
		return fmt.Sprintf("one of %s and %d more", strings.Join(words[:most], ", "), len(words)-most)
	}
	return "one of " + strings.Join(words, ", ")
}
