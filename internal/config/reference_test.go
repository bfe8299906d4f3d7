package config

import (
	"slices"
	"strings"
	"testing"
)

// The reference has every key of the contract that is built, and no other.
func TestReferenceHasEveryKey(t *testing.T) {
	tls := []string{"server_name", "ca_file", "cert_file", "key_file", "insecure_skip_verify", "alpn"}
	var want []string
	add := func(prefix string, names ...string) {
		for _, name := range names {
			want = append(want, prefix+name)
		}
	}
	add("", "director", "secrets", "checks", "virtual_routers", "virtual_services", "relay")
	add("director.", "name", "control_socket", "state_dir", "on_stop", "audit_interval", "command_user", "heartbeat_listen")
	add("secrets.<name>.", "file", "files")
	const check, router, service = "checks.<name>.", "virtual_routers[].", "virtual_services[]."
	add(check, "tcp", "tls", "http", "exchange", "command", "monitor", "heartbeat", "agent", "udp", "dns", "ping", "grpc",
		"interval", "timeout", "fall", "rise", "fast_interval")
	for _, kind := range []string{"tcp", "tls", "http", "exchange", "monitor", "heartbeat.fallback.monitor", "agent", "udp", "dns", "grpc"} {
		add(check+kind+".", "address", "port")
	}
	add(check+"tls.", tls...)
	add(check+"http.", "scheme", "method", "path", "host", "headers", "status", "body_regexp", "tls")
	add(check+"http.tls.", tls...)
	add(check+"exchange.", "steps", "tls")
	add(check+"exchange.steps[].", "send", "expect", "send_hex", "expect_hex")
	add(check+"exchange.tls.", tls...)
	add(check+"command.", "argv", "dynamic_weight")
	add(check+"monitor.", "service", "mode", "secret")
	add(check+"heartbeat.", "id", "service", "secret", "interval", "misses", "fallback")
	add(check+"heartbeat.fallback.", "monitor")
	add(check+"heartbeat.fallback.monitor.", "service", "secret")
	add(check+"agent.", "send", "expires")
	add(check+"udp.", "send", "send_hex", "expect", "expect_hex", "require_reply")
	add(check+"dns.", "name", "type", "protocol", "rcodes", "answer_regexp")
	add(check+"ping.", "address")
	add(check+"grpc.", "service", "mode", "authority", "tls")
	add(check+"grpc.tls.", tls...)
	add(router, "name", "interface", "vrid", "version", "priority", "advert_interval", "preempt", "preempt_delay",
		"unicast", "addresses", "extra_addresses", "sync_group", "checksum", "auth_pass_file", "track", "connection_sync")
	add(router+"unicast.", "source", "peers")
	add(router+"track.", "interfaces", "virtual_services", "commands")
	add(router+"track.virtual_services[].", "name", "penalty")
	add(router+"track.commands[].", "command", "interval", "timeout", "fall", "rise", "penalty")
	add(router+"connection_sync.", "interface", "id")
	add(service, "name", "address", "fwmark", "family", "scheduler", "scheduler_flags", "one_packet", "forward",
		"persistence", "quorum", "hysteresis", "sorry_server", "on_failure", "fail_open_below", "slow_start",
		"drain_timeout", "checks", "real_servers")
	add(service+"persistence.", "timeout", "prefix")
	add(service+"real_servers[].", "address", "weight", "forward", "tunnel", "max_connections", "resume_connections", "checks")
	add(service+"real_servers[].tunnel.", "type", "port", "checksum")
	add("relay.", "listen", "id", "secret", "cadence", "directors")

	var got []string
	for _, k := range Reference() {
		got = append(got, k.Path)
		if k.Type == "" || k.Meaning == "" || strings.ContainsAny(k.Meaning+k.Default, "\n") {
			t.Errorf("%s: no type, no meaning, or more than a line: %+v", k.Path, k)
		}
		if k.Required && k.Default != "" {
			t.Errorf("%s: required, and it has a default", k.Path)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestReferenceDefaults(t *testing.T) {
	want := map[string]string{
		"director.audit_interval":                       "30s",
		"director.control_socket":                       "/run/mainstay/control.sock",
		"director.on_stop":                              "keep",
		"director.heartbeat_listen":                     `"[::]:9652"`,
		"checks.<name>.interval":                        "1s",
		"checks.<name>.timeout":                         "500ms",
		"checks.<name>.fall":                            "3",
		"checks.<name>.http.status":                     "[200-299]",
		"checks.<name>.monitor.mode":                    "poll",
		"checks.<name>.command.dynamic_weight":          "false",
		"checks.<name>.heartbeat.interval":              "1s",
		"checks.<name>.heartbeat.misses":                "3",
		"checks.<name>.agent.expires":                   "30s",
		"checks.<name>.udp.require_reply":               "false",
		"checks.<name>.dns.name":                        `"."`,
		"checks.<name>.dns.type":                        "SOA",
		"checks.<name>.dns.protocol":                    "udp",
		"checks.<name>.dns.rcodes":                      "[NOERROR]",
		"checks.<name>.grpc.mode":                       "check",
		"relay.listen":                                  `"[::]:9652"`,
		"relay.cadence":                                 "1s",
		"virtual_routers[].version":                     "3",
		"virtual_routers[].priority":                    "100",
		"virtual_routers[].advert_interval":             "1s",
		"virtual_routers[].preempt":                     "true",
		"virtual_routers[].preempt_delay":               "0s",
		"virtual_routers[].checksum":                    "auto",
		"virtual_routers[].track.commands[].timeout":    "500ms",
		"virtual_services[].scheduler":                  "wlc",
		"virtual_services[].forward":                    "",
		"virtual_services[].drain_timeout":              "1m",
		"virtual_services[].fail_open_below":            "0%",
		"virtual_services[].real_servers[].weight":      "1",
		"virtual_services[].real_servers[].tunnel.type": "ipip",
	}
	for _, k := range Reference() {
		if d, ok := want[k.Path]; ok && d != k.Default {
			t.Errorf("%s: default %q, want %q", k.Path, k.Default, d)
		}
		delete(want, k.Path)
	}
	for path := range want {
		t.Errorf("%s is not in the reference", path)
	}
}

// What must be there wherever the mapping around it is.
func TestRequiredKeys(t *testing.T) {
	var got []string
	for _, k := range Reference() {
		if k.Required {
			got = append(got, k.Path)
		}
	}
	want := []string{
		"checks.<name>.exchange.steps", "checks.<name>.command.argv", "checks.<name>.monitor.service",
		"checks.<name>.heartbeat.service", "checks.<name>.heartbeat.fallback.monitor", "checks.<name>.agent.port",
		"virtual_routers[].name", "virtual_routers[].interface", "virtual_routers[].vrid",
		"virtual_routers[].unicast.source", "virtual_routers[].unicast.peers", "virtual_routers[].addresses",
		"virtual_routers[].track.virtual_services[].name", "virtual_routers[].track.virtual_services[].penalty",
		"virtual_routers[].track.commands[].command", "virtual_routers[].track.commands[].penalty",
		"virtual_routers[].connection_sync.interface",
		"virtual_services[].name", "virtual_services[].forward", "virtual_services[].persistence.timeout",
		"virtual_services[].real_servers", "virtual_services[].real_servers[].address",
		"relay.id", "relay.directors",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
