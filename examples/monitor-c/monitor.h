/*
 * The monitor of a real server's program, for Mainstay's directors. Copy this file and monitor.c into your program.
 *
 * A director asks over TCP whether the service works (MONITOR/1 poll and watch, or HAProxy's agent check), and the
 * program may say so unasked over UDP (HEARTBEAT/1). C99 and POSIX sockets, nothing else. README.md has the ten lines
 * that a program needs; docs/monitor-protocol.md is the protocol.
 *
 * The monitor allocates when it is made and when a beat or a heartbeat is added, and never afterwards. It never blocks:
 * it tells your own poll(2) loop what to wait for. A program without such a loop builds with -DMONITOR_THREADS and lets
 * monitor_start run one in a thread; then every function here may be called from any thread. Without, call them all from
 * one.
 */
#ifndef MONITOR_H
#define MONITOR_H

#include <poll.h>
#include <stddef.h>

#define MONITOR_MAX_FDS 72    /* what monitor_fds fills in, at most */
#define MONITOR_ERROR_SIZE 256 /* of a buffer for the sentence that says what went wrong */
#define MONITOR_KEY_SIZE 32
#define MONITOR_MAX_SECRET 4096

typedef struct monitor monitor;
typedef struct monitor_beat monitor_beat;

typedef enum { MONITOR_UP, MONITOR_STARTING, MONITOR_DRAIN, MONITOR_MAINT, MONITOR_DOWN } monitor_state;

typedef enum { MONITOR_AGENT_AUTO, MONITOR_AGENT_ON, MONITOR_AGENT_OFF } monitor_agent;

typedef struct {
	const char *service;         /* the name that directors ask for, 1..128 bytes of printable ASCII */
	const unsigned char *secret; /* signs answers; NULL: anybody may ask, and is believed */
	size_t secret_len;           /* 16..4096 */
	monitor_agent agent_line;    /* whether HAProxy's agent check is answered; AUTO: only without a secret */
	long leave_ms;               /* how long monitor_leave says maint, at most; 0 is 3000 */
} monitor_options;

/* Functions that can fail take a buffer of MONITOR_ERROR_SIZE bytes for a sentence; it may be NULL. */

/* Makes a monitor, which says up. NULL: it could not. The options' strings need not live on. */
monitor *monitor_new(const monitor_options *options, char *error);

/* Listens for directors on 192.0.2.21:9651, [2001:db8::21]:9651, or :9651 for every address. At most 4 of them. Returns
 * the port, -1 where it failed. Port 0 takes a free one. */
int monitor_listen(monitor *m, const char *address, char *error);

/* Sends heartbeats each interval_ms (10..3600000) to an address:port under the id by which directors know this server,
 * signed with the key of that id, 32 bytes; NULL: unsigned. To be called once for each director, at most 8. The id, the
 * key and the interval of the first call count for all. Returns 0, or -1. */
int monitor_heartbeat(monitor *m, const char *to, const char *id, const unsigned char *key, long interval_ms, char *error);

/* Ends it at once: connections are closed, beats are freed. After monitor_stop, where monitor_start was used. */
void monitor_free(monitor *m);

/* What the program says. UP is only as good as the beats are; any other state stands whatever they show. The reason is
 * a sentence for the operator and may be NULL; what a line can't hold is replaced or cut off. */
void monitor_set_state(monitor *m, monitor_state state, const char *reason);

/* The state of a name such as "drain"; -1: there is none. */
int monitor_state_of(const char *name);

/* Asks for a share of the configured weight, 0..100 percent; more counts as 100. */
void monitor_set_weight(monitor *m, unsigned percent);

/* Counters: told to directors as soon as one was used. */
void monitor_conn_opened(monitor *m);
void monitor_conn_closed(monitor *m);
void monitor_served(monitor *m);
void monitor_failed(monitor *m);

/* The progress of one worker, idle at first. A worker that has work and shows no progress for limit_ms is stuck, and the
 * service is down. NULL: there is no memory. */
monitor_beat *monitor_beat_add(monitor *m, const char *name, long limit_ms);
void monitor_beat_progress(monitor_beat *b); /* it has work and has just made progress with it */
void monitor_beat_busy(monitor_beat *b);     /* there is work, which is no progress yet */
void monitor_beat_idle(monitor_beat *b);     /* it has none, and can't be stuck */
void monitor_beat_remove(monitor_beat *b);   /* it has ended; b is freed */

/* A round of the program's own poll(2) loop: monitor_fds does what is due, fills in up to MONITOR_MAX_FDS places of fds,
 * returns how many, and lowers *timeout_ms (-1: none yet) to the time at which it must be called again. After poll(2)
 * monitor_step does what those descriptors are ready for. Both return soon. */
int monitor_fds(monitor *m, struct pollfd *fds, int *timeout_ms);
void monitor_step(monitor *m, const struct pollfd *fds, int n);

/* Says maint from now on. monitor_left is true when those who ask have heard it, or leave_ms are over: until then the
 * loop has to go on. */
void monitor_leave(monitor *m);
int monitor_left(monitor *m);

#ifdef MONITOR_THREADS
/* Runs the loop in a thread of its own; 0, or -1 with a sentence. monitor_stop says maint until those who ask have
 * heard it, and ends the thread. */
int monitor_start(monitor *m, char *error);
void monitor_stop(monitor *m);
#endif

/* Reads a secret's file, without a final newline, into 4096 bytes: its length, or -1. Others must not be able to read
 * or write the file. */
long monitor_read_secret(const char *path, unsigned char *secret, char *error);

/* Reads a heartbeat's key from a file of 64 hex digits into 32 bytes: 0, or -1. */
int monitor_read_key(const char *path, unsigned char *key, char *error);

/* Reads an interval such as 500ms or 1s, from 10ms to 3600s: milliseconds, or -1. */
long monitor_interval(const char *text);

#endif
