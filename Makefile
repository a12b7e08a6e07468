# The one door to everything; .ci/run only calls it. `make` alone lists the targets.
.DEFAULT_GOAL := help
.PHONY: help deps product-deps product test-deps dev-deps build install run check golden-renew test exhaustive debug-test tsan sim torture torture-doors fuzz-build fuzz crash-points power-cuts bad-disks door-clients prometheus mutants bench-check bench-record bench-peers lint format clean
JOBS := $(shell nproc 2>/dev/null || echo 2)
MINUTES ?= 1
PREFIX ?= /usr/local
SEEDS ?= 2000
CUTS ?= 200
SOURCES = $(shell find base paxos doors reactor wal net server client cli bench examples tests -name '*.h' -o -name '*.cc')

help:  ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' Makefile

deps:  ## install what the build needs (Debian 12; only what is missing)
	@scripts/install-dependencies

product-deps:
	@scripts/install-dependencies --product

test-deps:
	@scripts/install-dependencies --tests

dev-deps:
	@scripts/install-dependencies --development

build: deps  ## build the release into build/
	@cmake --preset release
	@cmake --build build -j$(JOBS)

# What is built with tests stays so: without them their programs would be removed.
product:
	@scripts/announce run
	@$(MAKE) --no-print-directory product-deps
	@cmake --preset $$(scripts/announce preset)
	@cmake --build build -j$(JOBS) --target onced once

install: build  ## install commands and client library (PREFIX=/usr/local)
	@cmake --install build --prefix $(PREFIX)

run: product  ## start a three-node durable cluster on loopback, show it working, serve until Ctrl-C (PORT=7400)
	@PORT=$(if $(findstring command,$(origin PORT)),$(PORT)) scripts/demo

check: deps  ## a first look at a change: unit and paper tests, tidy, golden lists (80 s, once built)
	@cmake --preset release
	@cmake --build build -j$(JOBS) --target check_programs
	@scripts/run-tests build check

# `make check` and `make test` compare with these lists. Say in the commit why they changed.
golden-renew: deps  ## write the golden lists of tests/golden anew, after a change of behaviour
	@cmake --preset release
	@cmake --build build -j$(JOBS) --target programs_of_golden
	@python3 tests/golden/check.py seeds build/bin/once-sim --renew --jobs $(JOBS)
	@python3 tests/golden/check.py small-worlds build/bin/once-exhaustive --renew
	@python3 tests/golden/check.py worlds build/bin/once-exhaustive --renew

test:  ## build the release and run every test; the last line is the summary
	@scripts/announce test
	@$(MAKE) --no-print-directory test-deps build fuzz-build
	@scripts/run-tests build

exhaustive: deps  ## every schedule of small worlds, further than `make test` goes (minutes)
	@cmake --preset release
	@cmake --build build -j$(JOBS) --target once-exhaustive
	@build/bin/once-exhaustive --far

debug-test: test-deps  ## the same tests under AddressSanitizer and UBSan
	@cmake --preset debug
	@cmake --build build/debug -j$(JOBS)
	@scripts/run-tests build/debug

tsan: test-deps  ## the tests that have threads or processes, under ThreadSanitizer
	@cmake --preset tsan
	@cmake --build build/tsan -j$(JOBS)
	@scripts/run-tests build/tsan threads

# Words that shells and desktops keep in the environment count only if they are typed.
typed = $(if $(findstring command line,$(origin $(1))),$($(1)))

sim: deps  ## simulate whole clusters under faults, one seed each (SEEDS=2000); SEED=n tells one in words (NAME=hot-1, LINES=2000)
	@cmake --preset release
	@cmake --build build -j$(JOBS) --target once-sim
	@$(if $(call typed,SEED),build/bin/once-sim --seed $(SEED) --tell $(if $(call typed,NAME),--name '$(NAME)') $(if $(call typed,LINES),--lines $(LINES)),build/bin/once-sim --seeds 1..$(SEEDS) --jobs $(JOBS))

torture: build  ## MINUTES=n (1) of kill -9, pauses and partitions on real nodes (CLIENTS=6, NODES=3, IO=epoll); histories checked
	@python3 tests/torture/torture.py --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(if $(CLIENTS),--clients $(CLIENTS)) $(if $(NODES),--nodes $(NODES)) $(if $(IO),--io $(IO))

torture-doors: build  ## MINUTES=n (1) of the same faults under clients at all doors at once: own protocol, HTTP, RESP2, RESP3
	@python3 tests/doors/campaign.py --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(if $(CLIENTS),--clients $(CLIENTS)) $(if $(NODES),--nodes $(NODES)) $(if $(IO),--io $(IO))

fuzz-build: test-deps  ## build the fuzz targets with clang and libFuzzer into build/fuzz
	@cmake --preset fuzz
	@cmake --build build/fuzz -j$(JOBS) --target fuzz_targets

fuzz: fuzz-build  ## fuzz every target for MINUTES=n (1) each, two at a time, and print a table
	@python3 tests/fuzz/run.py --seconds $$(($(MINUTES) * 60))

crash-points: deps  ## crash the log at every point of a long run, damage it, and print the counts
	@cmake --preset release
	@cmake --build build -j$(JOBS) --target crash_tests
	@ONCE_CRASH_POINTS=all build/bin/crash_tests --from=crash_points_test --gtest_brief=1
	@ONCE_CRASH_POINTS=all build/bin/crash_tests --from=damage_test --gtest_brief=1

power-cuts: test-deps build  ## CUTS=n (200): real nodes on real file systems, cut off at any write
	@python3 tests/power_cuts/power_cuts.py --cuts $(CUTS) $(if $(SEED),--seed $(SEED))

door-clients: test-deps build  ## clients of others at the doors, those that are installed: a table (NPM=folder of packages)
	@python3 tests/doors/door_clients.py --bin build/bin $(if $(NPM),--npm $(NPM))

prometheus: build  ## a real Prometheus looks at three nodes for 30 s; promtool checks metrics, rules and dashboard (330 MB)
	@scripts/install-dependencies --prometheus
	@python3 tests/doors/prometheus.py --bin build/bin

bad-disks: test-deps build  ## three nodes, one of whose disks is slow, fails, and heals
	@python3 tests/power_cuts/bad_disks.py --bin build/bin

mutants: test-deps  ## defects put in on copies of the tree; tests must notice each (ONLY=word, JOBS=2)
	@python3 tests/mutants/run.py --jobs $(JOBS) $(if $(ONLY),--only $(ONLY))

bench-check: dev-deps build  ## count the instructions of the micro-benchmarks; name what takes 5 % more than recorded
	@python3 bench/check.py

bench-record: build  ## measure three nodes here, and append a line to bench/results/history.jsonl
	@python3 bench/record.py

bench-peers:  ## three nodes beside etcd, ZooKeeper and Redis of Debian, by turns: one table (ROUNDS=3, SECONDS=3, JSON=file; 20 minutes)
	@scripts/install-dependencies --peers
	@cmake --preset $$(scripts/announce preset) -DONCE_PEERS=ON
	@cmake --build build -j$(JOBS) --target onced once once-bench peer-load
	@python3 bench/peers/peers.py $(if $(call typed,ROUNDS),--rounds $(ROUNDS)) $(if $(call typed,SECONDS),--seconds $(SECONDS)) $(if $(call typed,JSON),--json '$(JSON)')

# Of peer-load's sources that one needs a package that nothing else does.
lint: dev-deps  ## the tidy test, then clang-tidy over every source
	@python3 tests/tidy/tidy_test.py
	@cmake --preset fuzz
	@clang-tidy -p build/fuzz --quiet $(filter-out tests/% bench/peers/etcd_session.cc,$(filter %.cc,$(SOURCES)))

format: dev-deps  ## clang-format every source in place
	@clang-format -i $(SOURCES)

clean:  ## remove build/ (the demo's data too)
	@rm -rf build
