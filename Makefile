# SPDX-License-Identifier: GPL-2.0-only
#
# make help lists the targets.

KDIR ?= /lib/modules/$(shell uname -r)/build
export KSELFTEST STATIC

MAKEFLAGS += --no-print-directory
# Scripts that run make in other directories must not inherit the flags of this make.
alone := env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL

all: modules tools ## build the module for KDIR (default: the running kernel) and zbctl

modules: ## build zbuddy.ko for the kernel whose build tree is KDIR
	@$(if $(wildcard $(KDIR)/Makefile),,$(error no kernel headers in $(KDIR): apt-get install linux-headers-$(shell uname -r), or set KDIR))
	@$(MAKE) -C $(KDIR) M=$(CURDIR) modules

tools: ## build zbctl
	@$(MAKE) -C selftests/zbctl zbctl

stage: DESTDIR ?= stage
stage: export ZB_TEST_MODULES := 1
stage: modules ## build everything that a test machine needs and copy it to DESTDIR
	@$(MAKE) -C selftests all
	@mkdir -p $(DESTDIR)
	@cp zbuddy.ko selftests/api/zb_api_test.ko $(DESTDIR)
	@$(CROSS_COMPILE)strip -g $(DESTDIR)/zbuddy.ko $(DESTDIR)/zb_api_test.ko
	@$(MAKE) -C selftests install-to DESTDIR=$(abspath $(DESTDIR))

style: ## run the static checks: checkpatch, sparse, coccinelle, kernel-doc and others
	@$(alone) selftests/ci/style.sh

figures: ## print sizes of functions, lengths of call chains, and cyclic dependencies
	@selftests/ci/figures

docs: ## render the kernel-doc of the interfaces as HTML in stage/docs
	@$(alone) selftests/ci/docs.sh stage/docs

unit: ## run the unit tests of the core in user space, under sanitizers
	@$(MAKE) -C selftests/unit check

mutants: ## check that the unit tests notice N (1000) small faults put into the core, chosen by SEED
	@selftests/unit/mutants --count $(or $(N),1000) --seed $(or $(SEED),1)

kselftest: tools ## test the module that is loaded on this machine
	@$(MAKE) -C selftests run_tests

check: ## run style, unit, and the kselftests in throwaway guests
	@$(alone) selftests/ci/check.sh

matrix: ## build, load and test on each Debian kernel, or on those in ROWS="6.1 7.2-rt"
	@$(alone) selftests/ci/matrix.sh $(ROWS)

bench: ## compare the speed of zbuddy and of the page allocator in guests
	@$(alone) selftests/bench/bench

bench-quick: ## measure a few rows of bench, in less than two minutes
	@$(alone) selftests/bench/bench --quick

soak: ## stress everything at once in a guest of KIND (debug) for SECONDS (300), with SEED
	@$(alone) selftests/soak/soak.sh --kind $(or $(KIND),debug) $(or $(SECONDS),300) $(SEED)

unit-bench: ## measure the speed of the core in user space
	@$(MAKE) -C selftests/bench unit-bench

fuzz: ## fuzz the core and the device: SECONDS=60 for each, SEED=N
	@$(alone) -u SECONDS selftests/fuzz/fuzz $(or $(SECONDS),60) $(SEED)

demo: ## boot a guest that loads the module, allocates, shows and frees memory
	@test -t 1 && colour=always || colour=never; \
	$(alone) selftests/guest/run -k stock -- ./demo.sh $$colour

install: tools ## install zbctl, headers, udev rule and modprobe.d sample below PREFIX (/usr/local)
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' ZB_GROUP='$(ZB_GROUP)' module/install/files.sh install

uninstall: ## remove what make install installed
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' module/install/files.sh uninstall

dkms-install: ## install the module with DKMS, for every kernel whose headers are installed
	@$(alone) module/install/dkms.sh install

dkms-uninstall: ## remove what make dkms-install installed
	@$(alone) module/install/dkms.sh uninstall

sign: ## sign zbuddy.ko with SIGN_KEY and SIGN_CERT (default: the key of DKMS)
	@KDIR='$(KDIR)' SIGN_KEY='$(SIGN_KEY)' SIGN_CERT='$(SIGN_CERT)' module/install/sign.sh

deb: ## build Debian packages in stage/deb
	@$(alone) module/install/deb.sh stage/deb

programs-test: ## test fio, stress-ng, QEMU and other programs of Debian on files of the file system, in guests
	@$(alone) selftests/programs/programs.sh

dkms-test: ## test DKMS, signing and the packages in a Debian system created for the test
	@$(alone) selftests/install/dkms.sh

clean: ## remove everything that was built in this tree
	@$(MAKE) -C selftests clean
	@$(MAKE) -C selftests/unit clean
	@$(MAKE) -C selftests/bench clean
	@$(MAKE) -C selftests/fuzz/core clean
	@test ! -e $(KDIR)/Makefile || $(MAKE) -C $(KDIR) M=$(CURDIR) clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

.PHONY: all modules tools stage style unit kselftest check demo clean help docs figures \
	bench bench-quick deb dkms-install dkms-test dkms-uninstall fuzz \
	install matrix mutants programs-test sign soak uninstall unit-bench
