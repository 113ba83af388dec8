# SPDX-License-Identifier: GPL-2.0-only
#
# make help lists what can be made.

KDIR ?= /lib/modules/$(shell uname -r)/build
export KSELFTEST STATIC

MAKEFLAGS += --no-print-directory
# For scripts that call make in places of their own.
alone := env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL

all: modules tools ## the module for KDIR (default: the running kernel) and zbctl

modules: ## zbuddy.ko for the kernel whose build tree is KDIR
	@$(if $(wildcard $(KDIR)/Makefile),,$(error no kernel headers in $(KDIR): apt-get install linux-headers-$(shell uname -r), or set KDIR))
	@$(MAKE) -C $(KDIR) M=$(CURDIR) modules

tools: ## zbctl
	@$(MAKE) -C selftests/zbctl zbctl

stage: DESTDIR ?= stage
stage: export ZB_TEST_MODULES := 1
stage: modules ## all that a test machine needs, into DESTDIR
	@$(MAKE) -C selftests all
	@mkdir -p $(DESTDIR)
	@cp zbuddy.ko selftests/api/zb_api_test.ko $(DESTDIR)
	@$(CROSS_COMPILE)strip -g $(DESTDIR)/zbuddy.ko $(DESTDIR)/zb_api_test.ko
	@$(MAKE) -C selftests install-to DESTDIR=$(abspath $(DESTDIR))

style: ## checks of the text itself
	@$(alone) selftests/ci/style.sh

unit: ## the core in user space, under sanitizers
	@$(MAKE) -C selftests/unit check

kselftest: tools ## tests of the module that is loaded on this machine
	@$(MAKE) -C selftests run_tests

check: ## style, unit tests, and kselftests in a guest with Debian's kernel
	@$(alone) selftests/ci/check.sh

matrix: ## build, load and test on one Debian kernel after the other (ROWS="6.1 7.2-rt")
	@$(alone) selftests/ci/matrix.sh $(ROWS)

bench: ## zbuddy against the page allocator, measured in guests
	@$(alone) selftests/bench/bench

bench-quick: ## the same, a few rows in less than two minutes
	@$(alone) selftests/bench/bench --quick

soak: ## all at once for SECONDS (300), in a guest of KIND (debug), as SEED says
	@$(alone) selftests/soak/soak.sh --kind $(or $(KIND),debug) $(or $(SECONDS),300) $(SEED)

unit-bench: ## the core alone, measured in user space
	@$(MAKE) -C selftests/bench unit-bench

fuzz: ## the core and the device with random input: SECONDS=60 each, SEED=N
	@$(alone) -u SECONDS selftests/fuzz/fuzz $(or $(SECONDS),60) $(SEED)

demo: ## a guest boots, loads the module, allocates, shows and frees
	@test -t 1 && colour=always || colour=never; \
	$(alone) selftests/guest/run -k stock -- ./demo.sh $$colour

install: tools ## zbctl, headers, udev rule and modprobe.d sample, below PREFIX (/usr/local)
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' ZB_GROUP='$(ZB_GROUP)' module/install/files.sh install

uninstall: ## undo that
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' module/install/files.sh uninstall

dkms-install: ## with DKMS, for all kernels that have headers here
	@$(alone) module/install/dkms.sh install

dkms-uninstall: ## undo that
	@$(alone) module/install/dkms.sh uninstall

sign: ## zbuddy.ko, with SIGN_KEY and SIGN_CERT (default: DKMS's)
	@KDIR='$(KDIR)' SIGN_KEY='$(SIGN_KEY)' SIGN_CERT='$(SIGN_CERT)' module/install/sign.sh

deb: ## Debian packages, into stage/deb
	@$(alone) module/install/deb.sh stage/deb

dkms-test: ## these, in a Debian made for it, and a guest booted from that
	@$(alone) selftests/install/dkms.sh

clean: ## whatever was built here
	@$(MAKE) -C selftests clean
	@$(MAKE) -C selftests/unit clean
	@$(MAKE) -C selftests/bench clean
	@$(MAKE) -C selftests/fuzz/core clean
	@test ! -e $(KDIR)/Makefile || $(MAKE) -C $(KDIR) M=$(CURDIR) clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

.PHONY: all modules tools stage style unit kselftest check demo clean help \
	bench bench-quick deb dkms-install dkms-test dkms-uninstall fuzz \
	install matrix sign soak uninstall unit-bench
