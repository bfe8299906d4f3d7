/*
 * Runs the protocols' test vectors through monitor.c: a command a line on stdin, what comes of it on stdout. A command is
 * a word and its arguments, each in hexadecimal digits, "-" for none. The results are in hexadecimal digits as well, but
 * for the word of an error.
 *
 *   line LINE                                  ok | too-long | malformed
 *   request LINE                               METHOD TARGET SERVICE MILLISECONDS NONCE
 *   interval TEXT                              MILLISECONDS
 *   answer STATE SERVICE INSTANCE SEQ WEIGHT CONNS SERVED FAILED REASON
 *   heartbeat STATE ID SERVICE INSTANCE SEQ MILLISECONDS WEIGHT CONNS SERVED FAILED REASON
 *   agent STATE WEIGHT REASON
 *   sign SECRET REQUEST ANSWER
 *   sign-heartbeat KEY LINE
 *   key FILE                                   KEY
 */
#include "monitor.c" /* what is tested is not part of monitor.h */

enum { MAX_ARGS = 12, MAX_COMMAND = 1 << 16 };

static const char *const words[] = {"ok", "too-long", "malformed", "not-monitor", "version"};

/* The arguments, each with a zero byte behind it. */
static char *args[MAX_ARGS];
static size_t lens[MAX_ARGS];
static int n_args;

/* Cuts a command up, in its place; false where there is none. */
static int cut(char *command)
{
	n_args = 0;
	for (char *word = strtok(command, " \n"); word && n_args < MAX_ARGS; word = strtok(NULL, " \n")) {
		args[n_args] = word;
		lens[n_args] = strlen(word);
		if (n_args > 0) {
			size_t n = strcmp(word, "-") == 0 ? 0 : lens[n_args] / 2;
			for (size_t i = 0; i < n; i++)
				word[i] = (char)(half(word[2 * i]) << 4 | half(word[2 * i + 1]));
			word[n] = '\0';
			lens[n_args] = n;
		}
		n_args++;
	}
	return n_args > 0;
}

static void print(const void *data, size_t n, const char *behind)
{
	for (size_t i = 0; i < n; i++)
		printf("%02x", ((const unsigned char *)data)[i]);
	printf("%s%s", n ? "" : "-", behind);
}

static void print_text(const struct text *t) { print(t->at, t->len, "\n"); }

static uint64_t number(int i) { return strtoull(args[i], NULL, 10); }

/* What the arguments from the weight's on say. */
static struct said said_of(const char *state, int from)
{
	struct said s;
	s.state = (monitor_state)monitor_state_of(state);
	s.weight = *args[from] ? (int)number(from) : -1;
	s.counted = n_args > from + 2 && *args[from + 1];
	s.conns = s.counted ? number(from + 1) : 0;
	s.served = s.counted ? number(from + 2) : 0;
	s.failed = s.counted ? number(from + 3) : 0;
	clean_reason(s.reason, args[n_args - 1]);
	return s;
}

static void run(void)
{
	struct line l;
	struct request r;
	struct text t;
	struct said s;
	unsigned char key[MONITOR_KEY_SIZE];
	char text[24];
	enum verdict v;

	if (strcmp(args[0], "line") == 0) {
		puts(words[parse_line(args[1], lens[1], &l)]);
	} else if (strcmp(args[0], "request") == 0) {
		if ((v = parse_request(args[1], lens[1], &r)) != WELL) {
			puts(words[v]);
			return;
		}
		snprintf(text, sizeof text, "%ld", r.interval);
		print(r.method, strlen(r.method), " ");
		print(r.target, strlen(r.target), " ");
		print(r.service, strlen(r.service), " ");
		print(text, r.interval ? strlen(text) : 0, " ");
		print(r.nonce, strlen(r.nonce), "\n");
	} else if (strcmp(args[0], "interval") == 0) {
		long ms = interval_of(args[1], lens[1]);
		snprintf(text, sizeof text, "%ld", ms);
		if (ms < 0)
			puts(words[MALFORMED]);
		else
			print(text, strlen(text), "\n");
	} else if (strcmp(args[0], "answer") == 0) {
		s = said_of(args[1], 5);
		write_answer(&t, &s, args[2], args[3], number(4));
		print_text(&t);
	} else if (strcmp(args[0], "heartbeat") == 0) {
		s = said_of(args[1], 7);
		write_heartbeat(&t, &s, args[2], args[3], args[4], number(5), (long)number(6));
		print_text(&t);
	} else if (strcmp(args[0], "agent") == 0) {
		s = said_of(args[1], 2);
		write_agent(&t, &s);
		print_text(&t);
	} else if (strcmp(args[0], "sign") == 0) {
		memcpy(t.at, args[3], t.len = lens[3]);
		t.over = 0;
		sign(&t, args[2], lens[2], (unsigned char *)args[1], lens[1]);
		print_text(&t);
	} else if (strcmp(args[0], "sign-heartbeat") == 0) {
		memcpy(key, args[1], sizeof key);
		memcpy(t.at, args[2], t.len = lens[2]);
		t.over = 0;
		sign_heartbeat(&t, key);
		print_text(&t);
	} else if (strcmp(args[0], "key") == 0) {
		if (monitor_read_key(args[1], key, NULL) < 0)
			puts(words[MALFORMED]);
		else
			print(key, sizeof key, "\n");
	}
}

int main(void)
{
	static char command[MAX_COMMAND];
	while (fgets(command, sizeof command, stdin)) {
		if (cut(command))
			run();
		fflush(stdout);
	}
	return 0;
}
