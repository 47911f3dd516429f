# SPDX-License-Identifier: GPL-2.0-or-later
#
# The one entry point; `make help` lists what there is. CMake is fine below it.

BUILD   ?= build
DESTDIR ?=
PREFIX  ?= /usr
TARGET  ?= lio
JOBS    ?= $(shell nproc)
# Tests at a time. Some wait for a time-out most of their time, so one more than processors.
TESTS   ?= $(shell expr $(JOBS) + 1)

running := $(shell uname -r)
headers := /lib/modules/$(running)/build

all: userspace module

help:
	@echo 'make            build the userspace, and the module for the running kernel'
	@echo 'make demo       show a session on a disk in a virtual machine (TARGET=lio or tgt)'
	@echo 'make check      install what the tests use, build, and run every test'
	@echo 'make soak       run the long tests: the whole product of settings'
	@echo 'make fuzz       run each fuzzer for FUZZ_SECONDS (3600)'
	@echo 'make bench      measure beside iscsi_tcp, nvme-tcp and iscsid in virtual machines'
	@echo 'make install    install what was built (DESTDIR, PREFIX)'
	@echo 'make uninstall  remove what install put there, but not records and configuration'
	@echo 'make clean      remove $(BUILD)/'

deps:
	scripts/install-deps

userspace:
	cmake -S . -B $(BUILD) -G Ninja -DCMAKE_INSTALL_PREFIX=$(PREFIX) -DHAWSER_TESTS=OFF
	cmake --build $(BUILD) -j $(JOBS)

# The userspace and its tests.
tests:
	cmake -S . -B $(BUILD) -G Ninja -DCMAKE_INSTALL_PREFIX=$(PREFIX) -DHAWSER_TESTS=ON
	cmake --build $(BUILD) -j $(JOBS)

# A machine without headers for its kernel, like one that only builds packages
# or runs the tests in virtual machines, gets the userspace alone.
module:
	@if [ -d $(headers) ]; then \
		scripts/build-module running; \
	else \
		echo 'no module: the headers of the running kernel ($(running)) are not in $(headers);'; \
		echo "a kernel of Debian has them in the package linux-headers-$(running)"; \
	fi

demo:
	@$(MAKE) deps userspace || { echo 'demo: FAIL: what it needs could not be made, see above'; exit 1; }
	@scripts/demo $(TARGET)

check: deps tests
	scripts/run-tests $(BUILD) -j $(TESTS) -LE soak

soak: deps tests
	scripts/run-tests $(BUILD) -j $(TESTS) -L soak

FUZZ_SECONDS ?= 3600
fuzz: deps tests
	HAWSER_FUZZ_SECONDS=$(FUZZ_SECONDS) ctest --test-dir $(BUILD) -j $(TESTS) --output-on-failure -L fuzz

bench: deps tests
	scripts/bench --bin $(BUILD)
	scripts/bench logins --bin $(BUILD)

install:
	DESTDIR=$(DESTDIR) cmake --install $(BUILD) --prefix $(PREFIX)
	scripts/install-module '$(DESTDIR)'
	scripts/make-name '$(DESTDIR)' '$(PREFIX)'

uninstall:
	scripts/uninstall '$(DESTDIR)' $(BUILD)/install_manifest.txt

deb:
	@echo 'not supported yet: make deb' >&2
	@exit 2

clean:
	rm -rf $(BUILD)

.PHONY: all help deps userspace tests module demo check soak fuzz bench install uninstall deb clean
