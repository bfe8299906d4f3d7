package control

import (
	"fmt"
	"time"
)

// The pictures that the golden files show: what an operator may find at night.

var night = time.Date(2025, 11, 21, 22, 14, 3, 0, time.FixedZone("CET", 3600))

func director() DirectorStatus {
	return DirectorStatus{
		Name: "lb-a", Version: "1.4.0", Ready: true,
		ConfigFile: "/etc/mainstay/mainstay.yaml", ConfigLoadedAt: night,
	}
}

// up is a server that works, with its weight and connections.
func up(address string, weight int, active, inactive uint32) Server {
	return Server{
		Address: address, State: "up", Weight: Weight{weight, weight}, InTable: true, Why: "up: tcp ok",
		Connections: Connections{active, inactive},
		Checks:      []Check{{Name: "tcp", Kind: "tcp", OK: true, Streak: 41, LatencyMS: 0.412, At: night}},
	}
}

// out is a server that isn't in the table.
func out(address, state, why string) Server {
	return Server{Address: address, State: state, Weight: Weight{Configured: 1}, Why: state + ": " + why}
}

// kept is one that is in the table for another reason than that it is up.
func kept(address, state string, weight int, active, inactive uint32, why string) Server {
	return Server{
		Address: address, State: state, Weight: Weight{1, weight}, InTable: true, Why: state + ": " + why,
		Connections: Connections{active, inactive},
	}
}

func web(q Quorum, servers ...Server) Service {
	return Service{Name: "web", Address: "192.0.2.100:80/tcp", Scheduler: "wlc", Quorum: q, RealServers: servers}
}

func met(weight, needed int) Quorum  { return Quorum{Met: true, Weight: weight, Needed: needed} }
func lost(weight, needed int) Quorum { return Quorum{Weight: weight, Needed: needed} }

const refused = "tcp: connection refused (3 in a row)"

var pictures = map[string]Status{
	"all_well": {Director: director(), VirtualServices: []Service{
		web(met(3, 1), up("192.0.2.21:80", 1, 3, 9), up("192.0.2.22:80", 1, 4, 7), up("192.0.2.23:80", 1, 12, 1042)),
		{
			Name: "bastion", Address: "192.0.2.100:2222/tcp", Scheduler: "sh", Quorum: met(200, 100),
			RealServers: []Server{up("192.0.2.31:2222", 100, 133, 2), up("192.0.2.32:2222", 100, 127, 0)},
		},
	}},

	"one_down": {Director: director(), VirtualServices: []Service{
		web(met(2, 1), up("192.0.2.21:80", 1, 3, 9), out("192.0.2.22:80", "down", refused), up("192.0.2.23:80", 1, 12, 1042)),
	}},

	"heartbeats": {
		Director: director(),
		Heartbeats: &Heartbeats{
			Listen: "[::]:9652", Received: 4211, Accepted: 8012, Lost: 3, Polling: 1,
			Dropped: map[string]uint64{"bad mac": 7, "old round": 2, "unknown id": 7},
			Relays: []Relay{
				{ID: "rack7", Address: "192.0.2.31:51002", Live: true, Round: 77, Children: 40, At: night},
				{ID: "rack8", Address: "192.0.2.32:40111", Round: 12, Children: 41, At: night.Add(-time.Hour)},
			},
			Drops: []Drop{
				{Reason: "unknown-id", ID: "192.0.2.12:80", From: "192.0.2.21:40000", At: night},
				{Reason: "child-bad-mac", ID: "192.0.2.22:80", From: "192.0.2.31:51002", Relay: "rack7", At: night},
				{Reason: "malformed", From: "192.0.2.99:1", At: night},
			},
		},
		VirtualServices: []Service{web(met(1, 1), up("192.0.2.21:80", 1, 3, 9))},
	},

	"drained": {Director: director(), VirtualServices: []Service{
		web(
			met(2, 1),
			kept("192.0.2.21:80", "drain", 0, 3, 9, "by the operator since 22:13:40, 3 connections left"),
			out("192.0.2.22:80", "drain", "by the operator since 22:01:00; out: no connections left"),
			out("192.0.2.23:80", "maint", "by the operator since 2025-11-20 09:30:00"),
			up("192.0.2.24:80", 2, 12, 1042),
			Server{Address: "192.0.2.25:80", State: "up", Weight: Weight{10, 4}, InTable: true, Why: "up: agent ok; weight 4 of 10: agent asks for 40 %"},
		),
	}},

	"quorum_lost": {Director: director(), VirtualServices: []Service{
		{
			Name: "web", Address: "192.0.2.100:80/tcp", Scheduler: "wlc", Quorum: lost(1, 2), Sorry: true,
			RealServers: []Server{
				out("192.0.2.21:80", "up", "tcp ok; out while the sorry server serves"),
				out("192.0.2.22:80", "down", refused),
				kept("192.0.2.23:80", "down", 0, 2, 0, refused+"; weight 0: on_failure is quiesce"),
			},
		},
		{
			Name: "mail", Address: "192.0.2.100:25/tcp", Scheduler: "rr", Quorum: lost(0, 1),
			RealServers: []Server{out("192.0.2.41:25", "down", "exchange: read \"421 busy\", want ^220 (8 in a row)")},
		},
	}},

	"fail_open": {Director: director(), VirtualServices: []Service{
		{
			Name: "web", Address: "192.0.2.100:80/tcp", Scheduler: "wrr", Quorum: lost(1, 2), FailOpen: true,
			RealServers: []Server{
				kept("192.0.2.21:80", "down", 1, 40, 3, "web: answered 503, want 200-299; served all the same: fail open"),
				up("192.0.2.22:80", 1, 41, 2),
			},
		},
	}},

	"ipv6": {Director: director(), VirtualServices: []Service{
		{
			Name: "web6", Address: "[2001:db8::100]:80/tcp", Scheduler: "mh", Quorum: met(2, 1),
			RealServers: []Server{up("[2001:db8::21]:80", 1, 3, 9), up("[2001:db8:ffff:ffff:ffff:ffff:ffff:22]:8080", 65535, 4294967295, 0)},
		},
		{
			Name: "marked", Address: "fwmark 7 ipv4", Scheduler: "wlc", Quorum: met(1, 1),
			RealServers: []Server{up("192.0.2.21:0", 1, 0, 0)},
		},
		{Name: "empty", Address: "192.0.2.101:53/udp", Scheduler: "rr", Quorum: lost(0, 1)},
	}},

	"not_ready": {Director: DirectorStatus{
		Name: "lb-a", Version: "1.4.0", ConfigFile: "/etc/mainstay/mainstay.yaml", ConfigLoadedAt: night,
	}, VirtualServices: []Service{
		web(
			Quorum{Pending: true, Weight: 1, Needed: 2},
			kept("192.0.2.21:80", "starting", 1, 8, 1, "no verdict of tcp yet; it stays as it was found, weight 1"),
			out("192.0.2.22:80", "starting", "no verdict of tcp yet"),
			up("192.0.2.23:80", 1, 0, 0),
		),
	}},

	"observe": {Director: DirectorStatus{
		Name: "lb-a", Version: "1.4.0", Ready: true, Observe: true, ConfigFile: "/root/new.yaml", ConfigLoadedAt: night,
	}, VirtualServices: []Service{web(met(1, 1), up("192.0.2.21:80", 1, 0, 0))}},

	"warnings": {Director: DirectorStatus{
		Name: "lb-a", Version: "1.4.0", Ready: true, ConfigFile: "/etc/mainstay/mainstay.yaml", ConfigLoadedAt: night,
		ConfigError: "/etc/mainstay/mainstay.yaml:8:5: virtual_services[0].schedular: unknown key (did you mean scheduler?)\n" +
			"/etc/mainstay/mainstay.yaml:12:14: virtual_services[0].quorum: is 0 (want 1 at least)",
		Warnings: []string{
			"sysctl net.ipv4.vs.expire_nodest_conn is 0: connections to a server that leaves the table hang until they time out (want 1)",
			"virtual address 192.0.2.100 is not on this host: its clients can't come here",
			"the kernel refused \"-a -t 192.0.2.100:80 -r 192.0.2.29:80 -g -w 1\": no such device",
		},
	}, VirtualServices: []Service{web(met(1, 1), up("192.0.2.21:80", 1, 3, 9))}},

	"nothing": {Director: director()},

	"routers": {Director: withMastership(), VirtualRouters: []Router{edge(), inner(), outer()}, VirtualServices: []Service{
		web(met(1, 1), up("192.0.2.21:80", 1, 3, 9)),
	}},

	"routers_only": {Director: withMastership(), VirtualRouters: []Router{edge()}},

	"routers_trouble": {Director: DirectorStatus{
		Name: "lb-a", Version: "1.4.0", Ready: true, ConfigFile: "/etc/mainstay/mainstay.yaml", ConfigLoadedAt: night,
		Warnings:   []string{"sysctl net.ipv4.ip_forward is 0: answers of real servers do not reach clients (want 1)"},
		Mastership: &Mastership{Running: true, Restarts: 2, LatenessP999MS: 0.31, LatenessWorstMS: 12.5},
	}, VirtualRouters: []Router{
		{
			Name: "edge", Interface: "eth0", VRID: 51, State: "master", Since: night, Why: "master: no other with a higher priority was heard",
			Priority: 150, Effective: 150, AdvertIntervalMS: 10, Addresses: []string{"192.0.2.100/32"}, Holding: true, Master: "192.0.2.11",
			Warnings: []string{"192.0.2.12 says that it is master too, with priority 150"},
		},
		{
			Name: "inner", Interface: "eth1.100", VRID: 52, State: "fault", Since: night, Why: "fault: eth1.100 is not there",
			Priority: 100, Effective: 100, AdvertIntervalMS: 1000, Addresses: []string{"198.51.100.1/24"},
		},
	}, VirtualServices: []Service{{Name: "web", Address: "192.0.2.100:80/tcp", Scheduler: "wlc", Quorum: lost(0, 1)}}},

	"routers_not_running": {Director: DirectorStatus{
		Name: "lb-a", Version: "1.4.0", Ready: true, ConfigFile: "/etc/mainstay/mainstay.yaml", ConfigLoadedAt: night,
		Mastership: &Mastership{Restarts: 1},
	}, VirtualRouters: []Router{{Name: "edge", Interface: "eth0", VRID: 51, State: "init", Priority: 100, Effective: 100, AdvertIntervalMS: 1000}}},

	"routers_observe": {Director: DirectorStatus{
		Name: "lb-a", Version: "1.4.0", Ready: true, Observe: true, ConfigFile: "/root/new.yaml", ConfigLoadedAt: night,
		Mastership: &Mastership{},
	}, VirtualRouters: []Router{{
		Name: "edge", Interface: "eth0", VRID: 51, State: "init", Priority: 100, Effective: 100, AdvertIntervalMS: 1000,
		Addresses: []string{"192.0.2.100/32"},
	}}},

	"routers_hundreds": hundredsOfRouters(),

	"hostile": {Director: DirectorStatus{
		Name: "lb\x1b]0;a\a", Version: "1\n2", Ready: true, ConfigFile: "/m\r.yaml", ConfigLoadedAt: night,
		ConfigError: "a\x1b[2J\nb\x00", Warnings: []string{"w\nWARNING: all is lost"},
	}, VirtualRouters: []Router{{
		Name: "edge\n", Interface: "\x1b[2J", State: "fault", Why: "fault: \r\x1b[31m", Addresses: []string{"\a", "\u202e"}, Master: "\xff",
		Warnings: []string{"two masters\nWARNING: all is lost"},
	}}, VirtualServices: []Service{{
		Name: "web\n", Address: "\x1b[31m", Scheduler: "\t", Quorum: met(1, 1),
		RealServers: []Server{
			out("192.0.2.21:80", "down", "http: answered \"\x1b[2J\x1b[H\u009b31m\", \u202eexe.txt\u202c \xff\xfe \u2028\n192.0.2.22:80  up"),
		},
	}}},

	"hundreds": hundreds(),
}

// withMastership is a director whose mastership process is well.
func withMastership() DirectorStatus {
	d := director()
	d.Mastership = &Mastership{Running: true, RealTime: true, LatenessP999MS: 0.2, LatenessWorstMS: 1.3}
	return d
}

// edge is a router that is master.
func edge() Router {
	return Router{
		Name: "edge", Interface: "eth0", VRID: 51, Version: 3, State: "master", Since: night.Add(-time.Hour),
		Why: "master: 192.0.2.12 was not heard for 3.4 s", Priority: 150, Effective: 150, AdvertIntervalMS: 1000,
		Addresses: []string{"192.0.2.100/32", "2001:db8::100/128"}, Holding: true, Master: "192.0.2.11", Transitions: 2,
		Adverts: Adverts{Sent: 3604, Received: 17},
	}
}

// inner is one whose priority fell, and that has let another be master.
func inner() Router {
	return Router{
		Name: "inner", Interface: "bond0.100", VRID: 7, Version: 2, State: "backup", Since: night.Add(-time.Minute),
		Why: "backup: 198.51.100.3 has priority 100", Priority: 150, Effective: 50, AdvertIntervalMS: 3000,
		Addresses: []string{"198.51.100.1/24", "198.51.100.4/32", "198.51.100.5/32", "198.51.100.6/32", "198.51.100.7/32"},
		Master:    "198.51.100.3", Transitions: 3, SyncGroup: "pair",
		Penalties: []Penalty{{For: "virtual service bastion", Penalty: 60}, {For: "command /usr/local/bin/ok", Penalty: 40}},
		Adverts:   Adverts{Sent: 1200, Received: 21, Dropped: map[string]uint64{"TTL is not 255": 2, "wrong checksum": 40, "own address": 2}},
		Warnings:  []string{"198.51.100.3 advertises other addresses: without 198.51.100.7"},
	}
}

// outer is one that an operator has stand by.
func outer() Router {
	return Router{
		Name: "outer", Interface: "eth2", VRID: 200, Version: 3, State: "backup", Since: night.Add(-time.Minute),
		Why: "backup: handed over to fe80::2 by the operator", Priority: 100, Effective: 100, AdvertIntervalMS: 100,
		Addresses: []string{"fe80::1:100/64", "2001:db8:7::1/64"}, Master: "fe80::2", Transitions: 1, StandingBy: true,
	}
}

// hundredsOfRouters is more than anybody has, on a bad day.
func hundredsOfRouters() Status {
	s := Status{Director: withMastership()}
	for i := range 255 {
		r := edge()
		r.Name, r.VRID = fmt.Sprintf("edge-%03d", i+1), i+1
		if i%20 == 0 {
			r.State, r.Why, r.Holding, r.Master = "fault", "fault: eth0 is down", false, ""
		}
		s.VirtualRouters = append(s.VirtualRouters, r)
	}
	return s
}

// hundreds is a large site on a bad day.
func hundreds() Status {
	s := Status{Director: director()}
	for i := range 15 {
		v := Service{
			Name: fmt.Sprintf("shard-%02d", i), Address: fmt.Sprintf("198.51.100.%d:443/tcp", i), Scheduler: "mh",
			Quorum: met(20, 5),
		}
		for j := range 20 {
			r := up(fmt.Sprintf("203.0.113.%d:%d", j+1, 8000+i), 1, uint32(i*j), uint32(i+j))
			if i == 3 && j%5 == 0 || i > 3 {
				r = out(r.Address, "down", "tls: no answer within 500ms (12 in a row)")
				v.Quorum.Weight--
			}
			v.RealServers = append(v.RealServers, r)
		}
		v.Quorum.Met = v.Quorum.Weight >= v.Quorum.Needed
		s.VirtualServices = append(s.VirtualServices, v)
	}
	return s
}

var explanations = map[string]Explanation{
	"down": {
		Service: "web",
		Server: Server{
			Address: "192.0.2.22:80", State: "down", Weight: Weight{Configured: 100}, Why: "down: " + refused, Override: "weight 5",
			Checks: []Check{
				{Name: "tcp", Kind: "tcp", Streak: 3, LatencyMS: 0.2, Error: "connection refused", At: night},
				{Name: "login", Kind: "http", OK: true, Streak: 1042, LatencyMS: 12.34, At: night.Add(-time.Second)},
				{Name: "deep", Kind: "monitor"},
				{Name: "pulse", Kind: "heartbeat", OK: true, Streak: 7, At: night, Notes: []string{"through the relays rack7 and rack8", "unconfirmed: no fallback asks this instance"}},
			},
		},
		Changes: []Change{
			{At: night.Add(-26 * time.Hour), To: "up, weight 100", Cause: "up: tcp and login ok"},
			{At: night.Add(-time.Hour), From: "up, weight 100", To: "up, weight 5", Cause: "up: tcp and login ok; weight 5 of 100: the operator set 5"},
			{At: night, From: "up, weight 5", To: "down, not in the table", Cause: "down: " + refused},
		},
	},
	"drain": {
		Service: "web",
		Server: Server{
			Address: "[2001:db8::21]:80", State: "drain", Weight: Weight{1, 0}, InTable: true,
			Why: "drain: by the operator since 22:13:40, 3 connections left", Override: "drain", Connections: Connections{3, 9},
			Checks: []Check{{Name: "tcp", Kind: "tcp", OK: true, Streak: 41, LatencyMS: 512.3, At: night}},
		},
		Changes: []Change{{At: night, From: "up, weight 1", To: "drain, weight 0", Cause: "drain: by the operator since 22:13:40, connections not counted yet"}},
	},
	"no_checks": {
		Service: "web",
		Server:  Server{Address: "192.0.2.21:80", State: "up", Weight: Weight{1, 1}, InTable: true, Why: "up: it has no checks"},
	},
	"hostile": {
		Service: "web\x1b[2J",
		Server: Server{
			Address: "x\n", State: "down", Why: "down: \x1b[2J\n", Override: "\a",
			Checks: []Check{{Name: "\n", Kind: "\r", Error: "\u009b2J", At: night}},
		},
		Changes: []Change{{At: night, From: "\n", To: "\x1b", Cause: "\x7f"}},
	},
}

var routerExplanations = map[string]RouterExplanation{
	"master": {Router: edge(), Changes: []Change{
		{At: night.Add(-2 * time.Hour), To: "backup", Cause: "started"},
		{At: night.Add(-time.Hour), From: "backup", To: "master", Cause: "192.0.2.12 was not heard for 3.4 s"},
	}},
	"backup": {Router: inner(), Changes: []Change{
		{At: night.Add(-26 * time.Hour), From: "backup", To: "master", Cause: "no master was heard for 9.8 s"},
		{At: night.Add(-time.Minute), From: "master", To: "backup", Cause: "198.51.100.3 has priority 100, over ours of 50"},
	}},
	"standing_by": {Router: outer(), Changes: []Change{
		{At: night.Add(-time.Minute), From: "retiring", To: "backup", Cause: "fe80::2 took over"},
	}},
	"init": {Router: Router{
		Name: "edge", Interface: "eth0", VRID: 51, Version: 3, State: "init", Why: "init: the first verdicts are not over",
		Priority: 255, Effective: 255, AdvertIntervalMS: 10, Addresses: []string{"192.0.2.100/32"},
	}},
	"hostile": {
		Router: Router{
			Name: "edge\n", Interface: "\x1b[2J", Why: "\r", Master: "\a", SyncGroup: "\u009b", StandingBy: true, Addresses: []string{"\n"},
			Penalties: []Penalty{{For: "\u202e", Penalty: -1}}, Warnings: []string{"a\nb"},
			Adverts: Adverts{Dropped: map[string]uint64{"\x1b[H": 18446744073709551615}},
		},
		Changes: []Change{{At: night, From: "\n", To: "\x1b", Cause: "\x7f"}},
	},
}

// failovers are what came of an order, by what was ordered.
var failovers = []struct {
	result    FailoverResult
	cancelled bool
	want      string
}{
	{
		FailoverResult{Router: "edge", State: "backup", Master: "192.0.2.12"},
		false,
		"edge: backup, 192.0.2.12 is master; standing by until mainstay failover edge --cancel\n",
	},
	{
		FailoverResult{Router: "edge", State: "fault"},
		false,
		"edge: fault; standing by until mainstay failover edge --cancel\n",
	},
	{
		FailoverResult{Router: "edge", State: "backup", Master: "192.0.2.12"},
		true,
		"edge: backup, 192.0.2.12 is master; no longer standing by\n",
	},
	{
		FailoverResult{Router: "edge", State: "master", Master: "192.0.2.11"},
		true,
		"edge: master; no longer standing by\n",
	},
	{
		FailoverResult{Router: "\n", State: "\x1b", Master: "\r"},
		false,
		`\n: \x1b, \r is master; standing by until mainstay failover \n --cancel` + "\n",
	},
}

var plans = map[string]Plan{
	"some": {
		Notes: []string{"no daemon was asked: every check is assumed to pass"},
		Changes: []string{
			"ipvsadm -A -t 192.0.2.100:80 -s wlc", "ipvsadm -a -t 192.0.2.100:80 -r 192.0.2.21:80 -m -w 1", "ipvsadm -E -t 192.0.2.100:25 -s rr",
			"ipvsadm -e -t 192.0.2.100:25 -r 192.0.2.41:25 -m -w 5", "ipvsadm -d -t 192.0.2.100:25 -r 192.0.2.42:25", "ipvsadm -D -f 7",
		},
		Foreign: []string{"198.51.100.7:443/tcp (rr, 2 real servers)"},
	},
	"none": {Changes: []string{}, Foreign: []string{}, Notes: []string{}},
	"hostile": {
		Notes: []string{"a\n+ -A b"}, Changes: []string{"\x1b[2J"}, Foreign: []string{"\r"},
	},
}

var probes = map[string][]Probe{
	"mixed": {
		{Server: "192.0.2.21:80", Check: "tcp", Kind: "tcp", Target: "192.0.2.21:80", OK: true, Judged: "success", Latency: 412 * time.Microsecond},
		{
			Server: "192.0.2.21:80", Check: "login", Kind: "http", Target: "192.0.2.21:8080", Judged: "failure",
			Reason: "answered 503 Service Unavailable, want 200-299", Latency: 12345 * time.Microsecond,
			Sent: []byte("GET /login HTTP/1.1\r\nHost: 192.0.2.21\r\n\r\n"),
			Read: []byte("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 5\r\n\r\nbusy\n"),
		},
		{
			Server: "192.0.2.22:80", Check: "bastion", Kind: "monitor", Target: "192.0.2.22:9651", Judged: "down at once",
			Reason: "stuck: no job ended for 30s", Latency: 600 * time.Microsecond,
			Sent: []byte("MONITOR/1 poll target=192.0.2.22:80 service=bastion\n"),
			Read: []byte("MONITOR/1 down service=bastion instance=c0ffee seq=12 reason=\"stuck: no job ended for 30s\"\n"),
		},
		{
			Server: "192.0.2.22:80", Check: "tcp", Kind: "tcp", Target: "192.0.2.22:80", Judged: "inconclusive",
			Reason: "no file descriptors left on this host",
		},
	},
	"bytes": {
		{
			Server: "192.0.2.21:53", Check: "udp", Kind: "udp", Target: "192.0.2.21:53", OK: true, Judged: "success", Latency: 153 * time.Millisecond,
			Sent: []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17}, Read: []byte("\x1b[2J\x00\xff\x80"),
		},
		{
			Server: "192.0.2.21:80", Check: "page", Kind: "http", Target: "192.0.2.21:80", OK: true, Judged: "success", Latency: 2 * time.Second,
			Sent: []byte("GET / HTTP/1.1\r\n\r\n"), Read: long(),
		},
		{
			Server: "192.0.2.22:80", Check: "page", Kind: "http", Target: "192.0.2.22:80", Judged: "failure", Reason: "no answer within 500ms\x1b[2J\n",
			Sent: []byte("GET / HTTP/1.1\r\n\r\n"),
		},
	},
	"none": {},
}

// long is an answer that is too long to show.
func long() []byte {
	var b []byte
	for i := range 200 {
		b = fmt.Appendf(b, "line %03d of a page that is longer than anybody would read\n", i)
	}
	return b
}
