# SPDX-License-Identifier: GPL-2.0
#
# What the Makefile of each folder of tests includes: all *_test.c and *_test.sh of the
# folder are kselftests. They need the kernel's own framework (kselftest_harness.h,
# lib.mk): KSELFTEST is the folder tools/testing/selftests of a kernel source.

OUTPUT := $(or $(OUTPUT),$(CURDIR))
selftests := $(patsubst %/lib/,%,$(dir $(lastword $(MAKEFILE_LIST))))
HDRS := -I$(selftests)/lib -isystem $(selftests)/../include/uapi

TEST_GEN_PROGS := $(patsubst %.c,%,$(wildcard *_test.c))
TEST_PROGS := $(wildcard *_test.sh)
# Tests in shell include it from the folder that they are in, here as on a test machine.
TEST_GEN_FILES += $(if $(TEST_PROGS),test_lib.sh)
LOCAL_HDRS := $(wildcard *.h $(selftests)/lib/*.h) $(selftests)/../include/uapi/linux/zbuddy.h

# The harness compares numbers of all kinds with each other.
CFLAGS := -O2 -g -Wall -Wextra -Wno-sign-compare -Werror -pthread $(HDRS)
LDFLAGS += $(if $(filter-out 0 n no,$(STATIC)),-static)
KHDR_INCLUDES := $(HDRS)

ifneq ($(wildcard $(KSELFTEST)/lib.mk),)
include $(KSELFTEST)/lib.mk

# As lib.mk's install does it, without rsync.
install-to: all
	cp $(TEST_GEN_PROGS) $(TEST_PROGS) $(TEST_PROGS_EXTENDED) $(TEST_GEN_FILES) $(DESTDIR)
else
all run_tests install-to: no-kselftest
clean:
	$(RM) $(addprefix $(OUTPUT)/,$(TEST_GEN_PROGS) $(TEST_GEN_FILES))
endif

$(OUTPUT)/test_lib.sh: $(selftests)/lib/test_lib.sh
	@cp $< $@

no-kselftest:
	@echo "KSELFTEST=$(KSELFTEST) has no lib.mk: give the folder tools/testing/selftests of a kernel source," >&2
	@echo "e.g. KSELFTEST=\$$(selftests/guest/kernel source)/tools/testing/selftests" >&2
	@echo "or the one of apt-get install linux-source, unpacked" >&2
	@false

.DEFAULT_GOAL := all
.PHONY: no-kselftest all clean install-to run_tests
