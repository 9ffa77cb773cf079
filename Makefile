# The front door. Everything here is a shorthand for meson, ninja and scripts/; `make help` lists it.

BUILD    ?= build
PREFIX   ?= /usr/local
DESTDIR  ?=
# More options for `meson setup`, e.g. MESON_ARGS='-Dlibc=glibc -Db_sanitize=address,undefined'.
MESON_ARGS ?=

RANDOM_COUNT  ?= 5000
RANDOM_SEED   ?= 0
RANDOM_WORLDS ?= root

SUITE    ?= trixie
VM_ARGS   = --suite=$(SUITE) --programs=$(BUILD) $(if $(VM_TESTS),--tests='$(VM_TESTS)') \
	$(if $(VM_AS),--as=$(VM_AS))

SHELL := /bin/sh
JOBS  := $(shell nproc 2>/dev/null || echo 1)
NINJA  = ninja -C $(BUILD) -j$(JOBS)

.PHONY: all build run check unit golden-update mutate random bench fuzz lint format format-check \
	install clean setup sources help vm-check vm-shell coverage

all: build

build: $(BUILD)/build.ninja  ## build coracle (the default); the program is build/coracle
	@$(NINJA) $(QUIET) all

$(BUILD)/build.ninja:
	@command -v meson >/dev/null || { echo "meson is missing: try 'make setup'" >&2; exit 1; }
	@meson setup $(BUILD) --prefix $(PREFIX) -Dtests=disabled $(MESON_ARGS)

setup:  ## install what building needs (as root; otherwise say what is missing)
	@scripts/setup build companions

run:  ## build, then run a container that shows what it sees
	@scripts/setup build
	@$(MAKE) --no-print-directory build QUIET=--quiet
	@scripts/demo $(BUILD)/coracle

check:  ## everything that must pass, with the test dependencies installed as needed
	@scripts/setup build companions check lint vm
	@scripts/check

unit:  ## the unit tests alone
	@scripts/setup build companions check
	@scripts/check unit

golden-update: build  ## write the golden plans anew; review the diff
	@scripts/golden --update $(BUILD)/coracle

mutate:  ## leave out every table row and every step in turn: does a test fail? (root; an hour)
	@scripts/setup build check
	@scripts/mutate --jobs $(JOBS)

random: build  ## start RANDOM_COUNT (5000) random configurations from RANDOM_SEED (0) on
	@scripts/setup build check
	@ninja -C $(BUILD) tests/probe/probe
	@CORACLE=$(BUILD)/coracle CORACLE_RANDOM=$(RANDOM_COUNT) CORACLE_RANDOM_SEED=$(RANDOM_SEED) \
		tests/integration/worlds.py $(RANDOM_WORLDS) -- -q tests/integration/test_random.py

bench: build  ## compare with the floor, crun, runc and bwrap (BENCH_ARGS='--quick --peers DIR')
	@scripts/setup build bench
	@bench/run $(BENCH_ARGS) $(BUILD)/coracle
	@bench/scale $(BENCH_ARGS) $(BUILD)/coracle

fuzz:  ## fuzz each target for FUZZ_SECONDS (60)
	@scripts/setup build check
	@scripts/fuzz

vm-check: build  ## the suite in a virtual machine (SUITE=trixie|sid, VM_TESTS=pattern, VM_AS=root|user)
	@scripts/setup build check vm
	@$(NINJA) --quiet tests/probe/probe
	@scripts/vm check $(VM_ARGS)

vm-shell: build  ## the same machine, and a shell in it
	@scripts/setup build check vm
	@$(NINJA) --quiet tests/probe/probe
	@scripts/vm shell $(VM_ARGS)

coverage:  ## how much of each file the tests reach, and which functions none does
	@scripts/setup build companions check coverage
	@scripts/coverage

lint:  ## clang-tidy and cppcheck
	@scripts/setup build companions check lint
	@scripts/lint

format:  ## lay out all C sources
	@scripts/format

format-check:  ## fail if a C source is not laid out
	@scripts/format --check

sources:  ## bring the file lists of src/**/meson.build up to date
	@scripts/update-sources

install: build  ## install below $(DESTDIR)$(PREFIX)
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD) --strip

clean:  ## remove everything that was built
	rm -rf $(BUILD) build-*

help:  ## list the targets
	@awk -F ':[^#]*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
