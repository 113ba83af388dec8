# SPDX-License-Identifier: GPL-2.0
#
# Included by the Makefile of each test folder: all *_test.c and *_test.sh in the folder
# are kselftests. They need the kernel's kselftest framework (kselftest_harness.h, lib.mk):
# KSELFTEST is the folder tools/testing/selftests of a kernel source tree.

OUTPUT := $(or $(OUTPUT),$(CURDIR))
selftests := $(patsubst %/lib/,%,$(dir $(lastword $(MAKEFILE_LIST))))
HDRS := -I$(selftests)/lib -isystem $(selftests)/../include/uapi

TEST_GEN_PROGS := $(patsubst %.c,%,$(wildcard *_test.c))
TEST_PROGS := $(wildcard *_test.sh)
# Shell tests source it from their own folder, in the tree as well as after installation.
TEST_GEN_FILES += $(if $(TEST_PROGS),test_lib.sh)
LOCAL_HDRS := $(wildcard *.h $(selftests)/lib/*.h $(KSELFTEST)/*.h) \
	$(selftests)/../include/uapi/linux/zbuddy.h
EXTRA_CLEAN := $(OUTPUT)/*.o

# The harness's macros compare signed with unsigned numbers.
CFLAGS := -O2 -g -Wall -Wextra -Wno-sign-compare -Werror -pthread $(HDRS)
LDFLAGS += $(if $(filter-out 0 n no,$(STATIC)),-static)
KHDR_INCLUDES := $(HDRS)

# Compile and link in two steps, because ccache only caches compilations without linking.
OVERRIDE_TARGETS := 1

ifneq ($(wildcard $(KSELFTEST)/lib.mk),)
include $(KSELFTEST)/lib.mk

# Like lib.mk's install target, but without rsync, and into one folder.
install-to: all
	cp $(TEST_GEN_PROGS) $(TEST_PROGS) $(TEST_PROGS_EXTENDED) $(TEST_GEN_FILES) $(DESTDIR)
else
all run_tests install-to: no-kselftest
clean:
	$(RM) $(addprefix $(OUTPUT)/,$(TEST_GEN_PROGS) $(TEST_GEN_FILES)) $(EXTRA_CLEAN)
endif

$(OUTPUT)/%.o: %.c $(LOCAL_HDRS)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(OUTPUT)/%: $(OUTPUT)/%.o
	$(CC) -pthread $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(OUTPUT)/test_lib.sh: $(selftests)/lib/test_lib.sh
	@cp $< $@

no-kselftest:
	@echo "KSELFTEST=$(KSELFTEST) has no lib.mk. Set KSELFTEST to the folder tools/testing/selftests of a kernel source tree," >&2
	@echo "e.g. KSELFTEST=\$$(selftests/guest/kernel source)/tools/testing/selftests," >&2
	@echo "or to that folder of the unpacked Debian package linux-source." >&2
	@false

.DEFAULT_GOAL := all
.PRECIOUS: $(OUTPUT)/%.o
.PHONY: no-kselftest all clean install-to run_tests
