package control

import "time"

// Status is the whole picture, as `mainstay status --json` prints it.
type Status struct {
	Director        DirectorStatus `json:"director"`
	VirtualRouters  []Router       `json:"virtual_routers"`
	VirtualServices []Service      `json:"virtual_services"`
	// Heartbeats is nil where no check is a heartbeat.
	Heartbeats *Heartbeats `json:"heartbeats,omitempty"`
}

// DirectorStatus is the daemon's own part of the picture.
type DirectorStatus struct {
	Name           string    `json:"name"`
	Version        string    `json:"version"`
	Ready          bool      `json:"ready"`   // the first verdicts are over and the table is reconciled
	Observe        bool      `json:"observe"` // started with --observe: it writes nothing
	ConfigFile     string    `json:"config_file"`
	ConfigLoadedAt time.Time `json:"config_loaded_at"`
	// ConfigError is why the last reload was refused, all its lines; empty when
	// the file in force is the last one read.
	ConfigError string `json:"config_error"`
	// Warnings are sentences about what an operator should look at: changes that
	// the kernel refused, sysctls that don't fit, virtual addresses that are not
	// local, checks that can't keep their interval.
	Warnings []string `json:"warnings"`
	// Mastership is the process that holds the virtual addresses; nil where the file
	// has no virtual routers.
	Mastership *Mastership `json:"mastership,omitempty"`
}

// Mastership is how the process stands that speaks VRRP.
type Mastership struct {
	Running  bool `json:"running"`
	Restarts int  `json:"restarts"` // since the daemon started: it ended or was silent
	// RealTime: it runs with real-time priority.
	RealTime bool `json:"real_time"`
	// Lateness of its timers since it started, in milliseconds.
	LatenessP999MS  float64 `json:"lateness_p999_ms"`
	LatenessWorstMS float64 `json:"lateness_worst_ms"`
}

// Router is one virtual router in the picture.
type Router struct {
	Name             string    `json:"name"`
	Interface        string    `json:"interface"`
	VRID             int       `json:"vrid"`
	Version          int       `json:"version"`
	State            string    `json:"state"` // init fault backup master retiring
	Since            time.Time `json:"since"` // when it came into this state
	Why              string    `json:"why"`   // a sentence that begins with the state
	Priority         int       `json:"priority"`
	Effective        int       `json:"effective_priority"` // less what tracking takes off, as advertised
	AdvertIntervalMS float64   `json:"advert_interval_ms"`
	Addresses        []string  `json:"addresses"`   // all that the master holds
	Holding          bool      `json:"holding"`     // they are on this host
	Master           string    `json:"master"`      // its address, our own where it is us; empty: not known
	Transitions      int       `json:"transitions"` // changes of state since the mastership process started
	StandingBy       bool      `json:"standing_by"` // by an operator's failover
	SyncGroup        string    `json:"sync_group,omitempty"`
	Penalties        []Penalty `json:"penalties"` // in force now
	Adverts          Adverts   `json:"adverts"`
	Warnings         []string  `json:"warnings"`
}

// Penalty is something tracked that is down and lowers a router's priority.
type Penalty struct {
	For     string `json:"for"` // such as "virtual service bastion"
	Penalty int    `json:"penalty"`
}

// Adverts are counters of advertisements since the mastership process started.
type Adverts struct {
	Sent     uint64            `json:"sent"`
	Received uint64            `json:"received"` // valid ones
	Dropped  map[string]uint64 `json:"dropped"`  // by reason; reasons that never occurred are left out
}

// RouterExplanation says why a virtual router's state is what it is, and what it was
// before.
type RouterExplanation struct {
	Router  Router   `json:"router"`
	Changes []Change `json:"changes"` // the last 20, oldest first
}

// FailoverResult is how a virtual router stands after a failover, or after the end of
// one, that was done.
type FailoverResult struct {
	Router string `json:"router"` // its name
	State  string `json:"state"`  // now, as in [Router]
	Master string `json:"master"` // now, its address, our own where it is us; empty: not known
}

// Service is one virtual service in the picture.
type Service struct {
	Name        string   `json:"name"`
	Address     string   `json:"address"` // as in the file: "192.0.2.100:80/tcp", "fwmark 7 ipv4"
	Scheduler   string   `json:"scheduler"`
	Quorum      Quorum   `json:"quorum"`
	Sorry       bool     `json:"sorry"`     // the sorry server serves
	FailOpen    bool     `json:"fail_open"` // failed servers are served all the same
	RealServers []Server `json:"real_servers"`
}

// Quorum is how a service's quorum stands.
type Quorum struct {
	Met    bool `json:"met"`
	Weight int  `json:"weight"` // of the servers that are up
	Needed int  `json:"needed"`
	// Pending: the first verdicts are not over, so quorum, sorry server and fail
	// open are as they were found, not judged yet.
	Pending bool `json:"pending,omitempty"`
}

// Server is one real server of a service in the picture.
type Server struct {
	Address     string      `json:"address"`
	State       string      `json:"state"` // starting up down drain maint
	Weight      Weight      `json:"weight"`
	InTable     bool        `json:"in_table"`
	Why         string      `json:"why"`                // a sentence that begins with the state
	Override    string      `json:"override,omitempty"` // "drain", "maint", "weight 5", or two of them, joined by ", "
	Connections Connections `json:"connections"`
	Checks      []Check     `json:"checks"`
}

// Weight is a server's weight, in the file and in the kernel's table.
type Weight struct {
	Configured int `json:"configured"`
	Effective  int `json:"effective"` // 0 when it is not in the table
}

// Connections are what the kernel counts of a server.
type Connections struct {
	Active   uint32 `json:"active"`
	Inactive uint32 `json:"inactive"`
}

// Check is how one check of a server stands.
type Check struct {
	Name      string    `json:"name"`
	Kind      string    `json:"kind"`
	OK        bool      `json:"ok"`
	Streak    int       `json:"streak"` // results in a row of the same sort
	LatencyMS float64   `json:"latency_ms"`
	Error     string    `json:"error"` // of the last result; empty: none
	At        time.Time `json:"at"`    // of the last result; zero: none yet
	// Notes are sentences on how the check came to know, such as "through the relay
	// rack7"; empty for most kinds.
	Notes []string `json:"notes,omitempty"`
}

// Explanation says why a server's weight is what it is, and what it was before.
type Explanation struct {
	Service string   `json:"service"`
	Server  Server   `json:"server"`
	Changes []Change `json:"changes"` // the last 20, oldest first
}

// Change is one change of a server's state or weight, or of a router's state.
type Change struct {
	At    time.Time `json:"at"`
	From  string    `json:"from"`  // such as "up, weight 100", or "backup"; empty for the first
	To    string    `json:"to"`    // such as "down, not in the table", or "master"
	Cause string    `json:"cause"` // the sentence that Server.Why held then; of a router, what made it change
}

// Plan is what would change in the kernel's table.
type Plan struct {
	Changes []string `json:"changes"` // in the words of ipvsadm, in order
	Foreign []string `json:"foreign"` // services of the kernel that are not Mainstay's and stay as they are
	Notes   []string `json:"notes"`   // sentences: what was assumed, what warns
}

// Probe is one run of one check, for `mainstay probe`.
type Probe struct {
	Server  string        `json:"server"`
	Check   string        `json:"check"`
	Kind    string        `json:"kind"`
	Target  string        `json:"target"`
	OK      bool          `json:"ok"`
	Judged  string        `json:"judged"` // "success", "failure", "down at once", "inconclusive"
	Reason  string        `json:"reason"`
	Latency time.Duration `json:"latency_ns"`
	Sent    []byte        `json:"sent"`
	Read    []byte        `json:"read"`
}
