# make demo and make test do all the set-up themselves; see README.md.
# The others are for those who work on Mainstay; see CONTRIBUTING.md.

GO      ?= go
TOOL    := $(GO) tool -modfile=tools/go.mod
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
STATIC  := CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-X main.version=$(VERSION)'

.PHONY: all
all: build

# What tests and the demo need besides Go, git and make.
.PHONY: setup
setup:
	@./internal/lab/setup

.PHONY: build
build:
	@mkdir -p bin
	$(STATIC) -o bin/ ./cmd/mainstay ./examples/realserver ./examples/demo ./internal/lab/kernelexec ./internal/lab/pair/witness \
		./internal/lab/fleet ./internal/lab/monitors
	$(STATIC) -tags lab -o bin/mainstay-lab ./cmd/mainstay

# The real server in C that tests play with.
bin/tally-c: examples/monitor-c/server.c examples/monitor-c/monitor.c examples/monitor-c/monitor.h
	@mkdir -p bin
	$(CC) -std=c99 -Wall -Wextra -Werror -O2 -o $@ examples/monitor-c/server.c examples/monitor-c/monitor.c

# See the main job done on a real kernel, in under a minute.
.PHONY: demo
demo: setup build
	@bin/kernelexec bin/demo

# Everything that CI runs.
.PHONY: test
test: setup build bin/tally-c lint
	$(GO) run ./internal/lab/runtests

.PHONY: test-unit
test-unit:
	$(GO) run ./internal/lab/runtests -unit

# RUN=expression runs only the tests whose names match.
.PHONY: test-kernel
test-kernel: setup build bin/tally-c
	$(GO) run ./internal/lab/runtests -kernel -run '$(RUN)'

.PHONY: lint
lint:
	@unformatted=$$($(TOOL) gofumpt -l .) && [ -z "$$unformatted" ] || { echo "make format would change: $$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags kernel ./...
	$(TOOL) staticcheck -checks 'all,-ST1000' ./...
	$(TOOL) staticcheck -tags kernel -checks 'all,-ST1000' ./...

.PHONY: format
format:
	$(TOOL) gofumpt -w .

# Speed and memory; nothing is judged. Compare runs with benchstat, or within one run.
.PHONY: bench
bench: setup build
	$(GO) test -run '^$$' -bench . -benchmem ./...
	CGO_ENABLED=0 $(GO) test -tags kernel -exec $(CURDIR)/bin/kernelexec -run '^$$' -bench . -benchtime 3x ./ipvs/kernel

# A client's outage when the virtual addresses move, beside keepalived's. RUNS of each
# event; ROWS=expression chooses, such as ROWS=/10ms/ or ROWS=^failover.
RUNS ?= 20
.PHONY: bench-failover
bench-failover: setup build
	@$(GO) run ./internal/lab/failover -runs '$(RUNS)' -rows '$(ROWS)'

# Whether directors keep time where every processor is busy.
.PHONY: bench-jitter
bench-jitter: setup build
	@$(GO) run ./internal/lab/jitter

# How soon a server's end is noticed, and what it costs a director to know of SERVERS of
# them, by each way to ask monitors. RUNS and ROWS as above, such as ROWS=^cost.
SERVERS ?= 10000
.PHONY: bench-monitors
bench-monitors: setup build
	@bin/monitors -runs '$(RUNS)' -servers '$(SERVERS)' -rows '$(ROWS)'

# Ten million steps of virtual routers, with another seed each time; then each fuzzer
# for a minute, or for FUZZTIME.
FUZZTIME ?= 60s
.PHONY: soak
soak:
	$(GO) test ./vrrp -run '^TestSimulation$$' -v -sim.steps=10000000 -sim.base=0
	@for package in $$($(GO) list ./...); do \
		for fuzzer in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$fuzzer"; $(GO) test -run '^$$' -fuzz "^$$fuzzer\$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
		done; \
	done

# The README's two commands in a fresh Debian root; a quarter of an hour.
.PHONY: bare-test
bare-test:
	./internal/lab/bare

.PHONY: clean
clean:
	rm -rf bin
