/*
 * A small server with a protocol of its own, TALLY, that embeds monitor.c: one thread, one poll(2) loop for its clients,
 * its orders from stdin and the monitor. README.md shows how to use it.
 */
#define _POSIX_C_SOURCE 200809L

#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_CLIENTS = 64, MAX_TALLIES = 256, MAX_LINE = 1024, MAX_WORD = 64 };

/* A peer that gives orders, one line each: a client, or stdin. */
struct peer {
	int in, out; /* -1: the place is free */
	char line[MAX_LINE];
	size_t len;
	int waits; /* for the worker */
	char name[MAX_WORD];
	long n;
};

struct tally {
	char name[MAX_WORD];
	long n;
};

static struct peer peers[MAX_CLIENTS + 1]; /* the first is stdin */
static struct tally tallies[MAX_TALLIES];
static int n_tallies, stuck;
static monitor *m;
static monitor_beat *worker;
static int signals[2]; /* a pipe: SIGTERM and SIGINT wake the loop */

static void on_signal(int number)
{
	(void)number;
	if (write(signals[1], ".", 1) < 0) {
		/* it is full: the loop is awake */
	}
}

static void die(const char *what)
{
	fprintf(stderr, "server: %s\n", what);
	exit(1);
}

static void leave(struct peer *p)
{
	close(p->in);
	p->in = -1;
	if (p != peers)
		monitor_conn_closed(m);
}

static void reply(struct peer *p, const char *text)
{
	char line[MAX_LINE];
	int n = snprintf(line, sizeof line, "%s\n", text);
	p->waits = 0;
	monitor_served(m);
	/* A client that doesn't take its answers has no more to come. */
	if (write(p->out, line, (size_t)n) != n && p != peers)
		leave(p);
}

/* The worker's job: counts, and tells the count. */
static void tally(struct peer *p)
{
	char text[MAX_LINE];
	int i = 0;
	while (i < n_tallies && strcmp(tallies[i].name, p->name) != 0)
		i++;
	if (i == MAX_TALLIES) {
		reply(p, "error: there are too many names");
		return;
	}
	if (i == n_tallies) {
		n_tallies++;
		strcpy(tallies[i].name, p->name);
	}
	tallies[i].n += p->n;
	snprintf(text, sizeof text, "tally %s %ld", p->name, tallies[i].n);
	reply(p, text);
}

/* A turn of the worker. One that is stuck does nothing, while the loop around it, and the monitor, go on. */
static void work(void)
{
	for (int i = 0; i <= MAX_CLIENTS && !stuck; i++) {
		if (peers[i].in >= 0 && peers[i].waits) {
			monitor_beat_progress(worker);
			tally(&peers[i]);
		}
	}
	if (stuck)
		monitor_beat_busy(worker);
	else
		monitor_beat_idle(worker);
}

/* Handles one line of TALLY. */
static void handle(struct peer *p, char *line)
{
	char name[MAX_WORD], word[MAX_WORD], rest[MAX_LINE] = "";
	long n = 1;
	char more;
	if (sscanf(line, "add %63s %ld %c", p->name, &n, &more) == 2 || sscanf(line, "add %63s %c", p->name, &more) == 1) {
		p->n = n;
		p->waits = 1;
	} else if (sscanf(line, "get %63s %c", p->name, &more) == 1) {
		p->n = 0;
		p->waits = 1;
	} else if (sscanf(line, "state %63s %1023[^\n]", name, rest) >= 1) {
		int state = monitor_state_of(name);
		if (state < 0) {
			reply(p, "error: there is no such state");
			return;
		}
		monitor_set_state(m, (monitor_state)state, rest);
		reply(p, "ok");
	} else if (sscanf(line, "weight %ld %c", &n, &more) == 1) {
		if (n < 0 || n > 100) {
			reply(p, "error: a weight is 0..100 percent");
			return;
		}
		monitor_set_weight(m, (unsigned)n);
		reply(p, "ok");
	} else if (sscanf(line, "%63s %c", word, &more) == 1 && strcmp(word, "stick") == 0) {
		stuck = 1;
		reply(p, "ok");
	} else if (sscanf(line, "%63s %c", word, &more) == 1 && strcmp(word, "unstick") == 0) {
		stuck = 0;
		reply(p, "ok");
	} else {
		reply(p, "error: add NAME [N] | get NAME | state STATE [REASON] | weight PERCENT | stick | unstick");
	}
}

/* Handles the lines that are there. One that waits for the worker holds up those behind it. */
static void handle_lines(struct peer *p)
{
	char *end;
	while (p->in >= 0 && !p->waits && (end = memchr(p->line, '\n', p->len))) {
		char line[MAX_LINE];
		size_t n = (size_t)(end - p->line);
		memcpy(line, p->line, n);
		line[n] = '\0';
		p->len -= n + 1;
		memmove(p->line, end + 1, p->len);
		handle(p, line);
	}
	if (p->in >= 0 && !p->waits && p->len == sizeof p->line)
		leave(p); /* a line without end */
}

static void receive(struct peer *p)
{
	ssize_t n = read(p->in, p->line + p->len, sizeof p->line - p->len);
	if (n > 0)
		p->len += (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		leave(p);
}

static void take(int listener)
{
	int fd = accept(listener, NULL, NULL);
	if (fd < 0)
		return;
	for (int i = 1; i <= MAX_CLIENTS; i++) {
		if (peers[i].in >= 0)
			continue;
		fcntl(fd, F_SETFL, O_NONBLOCK);
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		memset(&peers[i], 0, sizeof peers[i]);
		peers[i].in = peers[i].out = fd;
		monitor_conn_opened(m);
		return;
	}
	close(fd);
}

static int listen_on(const char *address, char *bound, size_t size)
{
	char host[256], *colon;
	int one = 1;
	snprintf(host, sizeof host, "%s", address);
	if (!(colon = strrchr(host, ':')))
		die("--listen is not address:port");
	*colon = '\0';
	char *name = host;
	if (host[0] == '[' && colon > host + 1 && colon[-1] == ']') {
		colon[-1] = '\0';
		name++;
	}
	struct addrinfo hints, *a;
	memset(&hints, 0, sizeof hints);
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
	if (getaddrinfo(*name ? name : NULL, colon + 1, &hints, &a))
		die("--listen has an address that can't be resolved");
	int fd = socket(a->ai_family, SOCK_STREAM, 0);
	struct sockaddr_storage local;
	socklen_t len = sizeof local;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 || bind(fd, a->ai_addr, a->ai_addrlen) < 0 ||
		listen(fd, 128) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
		getsockname(fd, (struct sockaddr *)&local, &len) < 0)
		die(strerror(errno));
	freeaddrinfo(a);
	char port[8];
	getnameinfo((struct sockaddr *)&local, len, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(bound, size, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
	return fd;
}

static long milliseconds(const char *flag, const char *text)
{
	long ms = monitor_interval(text);
	if (ms < 0) {
		fprintf(stderr, "server: %s %s: a time such as 500ms or 2s is wanted\n", flag, text);
		exit(2);
	}
	return ms;
}

int main(int argc, char **argv)
{
	const char *listen_address = ":7000", *monitor_address = ":9651", *secret_file = NULL, *id = "", *key_file = NULL;
	const char *to[8];
	int n_to = 0;
	long interval = 1000, stuck_after = 2000;
	char error[MONITOR_ERROR_SIZE];
	unsigned char secret[MONITOR_MAX_SECRET], key[MONITOR_KEY_SIZE];
	monitor_options options = {.service = "tally", .leave_ms = 3000};

	for (int i = 1; i < argc; i += 2) {
		const char *flag = argv[i], *value = argv[i + 1];
		if (!value) {
			fprintf(stderr, "server: %s wants a value\n", flag);
			return 2;
		}
		if (strcmp(flag, "--listen") == 0)
			listen_address = value;
		else if (strcmp(flag, "--monitor") == 0)
			monitor_address = value;
		else if (strcmp(flag, "--service") == 0)
			options.service = value;
		else if (strcmp(flag, "--secret-file") == 0)
			secret_file = value;
		else if (strcmp(flag, "--stuck-after") == 0)
			stuck_after = milliseconds(flag, value);
		else if (strcmp(flag, "--leave") == 0)
			options.leave_ms = milliseconds(flag, value);
		else if (strcmp(flag, "--heartbeat-to") == 0 && n_to < 8)
			to[n_to++] = value;
		else if (strcmp(flag, "--heartbeat-id") == 0)
			id = value;
		else if (strcmp(flag, "--heartbeat-key-file") == 0)
			key_file = value;
		else if (strcmp(flag, "--interval") == 0)
			interval = milliseconds(flag, value);
		else {
			fprintf(stderr, "server: there is no flag %s, or too many of it\n", flag);
			return 2;
		}
	}

	if (secret_file) {
		long n = monitor_read_secret(secret_file, secret, error);
		if (n < 0)
			die(error);
		options.secret = secret;
		options.secret_len = (size_t)n;
	}
	if (key_file && monitor_read_key(key_file, key, error) < 0)
		die(error);
	if (!(m = monitor_new(&options, error)))
		die(error);
	if (!(worker = monitor_beat_add(m, "worker", stuck_after)))
		die("there is no memory");
	char bound[300];
	int listener = listen_on(listen_address, bound, sizeof bound);
	int port = monitor_listen(m, monitor_address, error);
	if (port < 0)
		die(error);
	for (int i = 0; i < n_to; i++)
		if (monitor_heartbeat(m, to[i], id, key_file ? key : NULL, interval, error) < 0)
			die(error);

	signal(SIGPIPE, SIG_IGN);
	if (pipe(signals) < 0 || fcntl(signals[1], F_SETFL, O_NONBLOCK) < 0)
		die(strerror(errno));
	struct sigaction action;
	memset(&action, 0, sizeof action);
	action.sa_handler = on_signal;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	for (int i = 1; i <= MAX_CLIENTS; i++)
		peers[i].in = -1;
	peers[0].in = STDIN_FILENO;
	peers[0].out = STDOUT_FILENO;
	printf("listening address=%s monitor=%.*s:%d\n", bound, (int)(strrchr(monitor_address, ':') - monitor_address), monitor_address, port);
	fflush(stdout);

#ifdef MONITOR_THREADS
	if (monitor_start(m, error) < 0)
		die(error);
#endif
	for (int leaving = 0; !leaving;) {
		struct pollfd fds[MONITOR_MAX_FDS + MAX_CLIENTS + 3];
		struct peer *of[MAX_CLIENTS + 1];
		int timeout = -1, n_peers = 0;
		for (int i = 0; i <= MAX_CLIENTS; i++)
			handle_lines(&peers[i]);
		work();
		for (int i = 0; i <= MAX_CLIENTS; i++)
			if (peers[i].in >= 0 && !peers[i].waits && memchr(peers[i].line, '\n', peers[i].len))
				timeout = 0; /* its next line is here already */

#ifdef MONITOR_THREADS
		int n = 0;
#else
		int n = monitor_fds(m, fds, &timeout);
		leaving = monitor_left(m);
#endif
		struct pollfd *own = fds + n;
		own[0] = (struct pollfd){.fd = signals[0], .events = POLLIN};
		own[1] = (struct pollfd){.fd = listener, .events = POLLIN};
		for (int i = 0; i <= MAX_CLIENTS; i++)
			if (peers[i].in >= 0 && !peers[i].waits) {
				own[2 + n_peers] = (struct pollfd){.fd = peers[i].in, .events = POLLIN};
				of[n_peers++] = &peers[i];
			}
		if (poll(fds, (nfds_t)(n + 2 + n_peers), timeout) < 0)
			continue;
#ifdef MONITOR_THREADS
		leaving = own[0].revents != 0;
#else
		monitor_step(m, fds, n);
		if (own[0].revents) {
			char woken[16];
			if (read(signals[0], woken, sizeof woken) > 0)
				monitor_leave(m);
		}
#endif
		for (int i = 0; i < n_peers; i++)
			if (own[2 + i].revents)
				receive(of[i]);
		if (own[1].revents)
			take(listener);
	}
#ifdef MONITOR_THREADS
	monitor_stop(m);
#endif
	monitor_free(m);
	return 0;
}
