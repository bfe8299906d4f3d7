// Package monitor is the endpoint that a real server's program embeds so that directors learn whether the program
// really works, and not only whether its port accepts connections. It speaks MONITOR/1, one line each way over TCP, and
// answers HAProxy's agent check as well. Where directors can't or shouldn't ask, it tells them by UDP: HEARTBEAT/1, and
// RELAY/1 for a rack of servers together.
//
// # Five lines
//
//	m, err := monitor.New(monitor.Options{Services: []string{"bastion"}})
//	if err != nil {
//		return err
//	}
//	m.Check("spool", spoolIsWritable)
//	go func() { log.Print(m.ListenAndServe(ctx, ":9651")) }()
//	defer m.Close()
//
// The director's check is then monitor: {port: 9651, service: bastion}. To see by hand what it sees:
//
//	printf 'MONITOR/1 poll service=bastion\n' | nc -q1 127.0.0.1 9651
//	(echo 'MONITOR/1 watch interval=1s service=bastion'; sleep 60) | nc 127.0.0.1 9651
//
// # What it answers
//
// A service is up, starting, drain, maint or down. What the program says with SetState stands if it is anything other
// than up. While it is up, as from the start, the answer is only as good as the evidence:
//
//   - a self-check is a function that returns an error when something is wrong. It runs in the background each second,
//     so that an answer never waits for it; until it has first returned the service is starting, and when it fails,
//     panics or does not return within its timeout the service is down.
//   - a beat is a worker's progress. A worker that has work and shows none for its limit is stuck, and the service is
//     down; a worker without work is idle and never stuck.
//
// A failing self-check takes the service out at once, on every server that has it. So it should be about this server:
// where all of a service's servers share a database, a self-check of it takes all of them out together, when the
// database has trouble. Where that is not meant, let the program serve what it can and say so by SetWeight.
//
// Self-checks and beats of the Monitor count for all of its services, those of a Service for that one. A weight in
// percent lets a service ask for less than its share, and counters tell how much it does.
//
// # Watches
//
// A director that watches is answered at once, then within each interval, and at once when the state or the weight of the
// service changes: by SetState or SetWeight, by a self-check's result or its missing, by a worker that gets stuck or goes
// on, by Close. However many changes there are, there is one answer for them each 10 milliseconds at most, and the last
// one tells what is so. A program that dies is noticed by the end of the connection, so nothing of this needs a short
// interval.
//
// # Heartbeats and relays
//
// Heartbeat sends a line each interval to directors and relays that listen on UDP; it needs no port of the program's own.
//
//	go func() { log.Print(m.Serve(ctx)) }() // runs the self-checks; listeners are not needed
//	err := m.Heartbeat(ctx, monitor.HeartbeatOptions{
//		Service: "bastion", ID: "192.0.2.21:2222", Key: key, To: []string{"192.0.2.11:9652", "192.0.2.12:9652"},
//	})
//
// The key is made of the directors' secret and the ID by mainstay secret derive, and read with ReadKeyFile: so no server
// can speak for another. The program's start and a number that grows are in each line, so that an old one can't be sent
// again. Lines are signed and not hidden, as answers are.
//
// A Relay gathers the heartbeats of others and sends all it has to the directors each second; mainstay relay is one as a
// command. It holds no key but its own, and can neither make nor renew what it passes on. A program that has a relay gives
// it its own heartbeats by HeartbeatOptions.Relay.
//
// # A secret
//
// With Options.Secret the answers carry a message authentication code over the director's nonce, so that nobody else can
// give them and no old one can be played again. Requests without a nonce then get no state. A file for it is made with
// (umask 077; openssl rand -hex 32 >fleet.key), is read with ReadSecretFile, and is the same on the directors. It
// signs, it does not hide: whoever reaches the port can ask, and reads states, counters and reasons. It says that a
// holder of the secret answered: servers that share one can answer for each other, where an address leads to the wrong
// one of them. A secret for each server rules that out.
//
// # What it costs, and how it is bounded
//
// Nothing runs before Serve, and Close waits for everything that Serve started. At most 64 connections are kept: for
// one more, the longest silent one that has never asked is closed, else the one that has not asked for longest. So idle
// connections can't keep a director out: whoever asks each second is the last to go, and a director whose connection was
// closed between two requests dials again within the same check. A line has 1024 bytes and 5 seconds to arrive, an
// answer 5 seconds to be taken; a connection may ask 1000 times a second and then waits; one that asks nothing and
// watches nothing is closed after 75 seconds. A watch takes no goroutine but its connection's, and counts as asking each
// time it is answered. What is wrong with a request is said in MONITOR/1 error reason="…".
//
// Heartbeat and Relay.Serve run until their context ends. A relay keeps 16384 lines at most, of 4 addresses for each
// sender and service, and forgets who is silent for 5 minutes; a datagram has 1200 bytes. What peers can cause is logged
// once in 10 seconds for each kind of trouble, with the number of times it was not.
//
// A connection that sends nothing for one second, or something other than MONITOR first, is taken for an HAProxy agent
// check and gets one line such as "up ready 80%" that speaks for all services: the worst state, and the lowest weight.
// With a secret that is off, because nobody signs that line; Options.AgentLine decides otherwise.
//
// # Leaving
//
// Close first says maint, to those who watch and by heartbeats at once, until every connection that has been asking has
// heard it, at most for Options.Leave, and then ends. A program that wants its open work finished before says SetState(monitor.Drain, "…") and waits for as long as
// that takes.
package monitor
