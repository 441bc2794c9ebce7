# SPDX-License-Identifier: GPL-2.0-only
#
# secmmu: selftests of KVM's stage 2, hmm_range_fault() and AVIC.
#
# In a kernel tree as tools/testing/selftests/secmmu:
#   make -C tools/testing/selftests TARGETS=secmmu {all,install,run_tests,clean,gen_tar} [O=DIR]
# Alone: make [all | install INSTALL_PATH=DIR | modules KDIR=DIR | gen_tar | man | check | check-quick | clean]
#   KSFT=DIR       selftests folder of a kernel source (default: from Debian's linux-source-6.1)
#   O=DIR          where to build (default: out)
#   ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-   LLVM=1   WERROR=1   V=1
#   USERCFLAGS=... USERLDFLAGS=-static
#   KDIR=DIR       kernel build folder: also builds the modules for that kernel
#   PATTERNS='conformance*'   of check: only these steps

AREAS := $(patsubst %/,%,$(wildcard dirty_log/ kvm/ hmm/ avic/))

# ---- architecture --------------------------------------------------------
# The kernel's build says ARCH=x86 where kselftest by itself says x86_64.
machine_of = $(patsubst x86,x86_64,$(patsubst amd64,x86_64,$(patsubst aarch64,arm64,$(1))))
HOST_MACHINE := $(call machine_of,$(shell uname -m))
MACHINE := $(call machine_of,$(or $(ARCH),$(HOST_MACHINE)))
SUPPORTED := $(filter x86_64 arm64,$(MACHINE))

# ---- kselftest framework and output folder -------------------------------
# In a kernel tree the framework is in the parent folder. If this folder is a
# symbolic link in the tree, ".." is the parent of the link's aim; make has the
# folder that it was started from in PWD, and OUTPUT has the link's own name.
KSFT ?= $(firstword $(patsubst %/lib.mk,%,$(wildcard $(addsuffix /lib.mk,.. $(PWD) $(PWD)/.. \
	$(PWD)/tools/testing/selftests $(OUTPUT)/..))))

ifeq ($(OUTPUT),)
OUTPUT := $(or $(if $(O),$(abspath $(O))),$(CURDIR)$(if $(KSFT),,/out))
endif

ifeq ($(KSFT),)
KSFT := $(OUTPUT)/kselftest/tools/testing/selftests
$(KSFT)/lib.mk: build/kselftest-files build/fetch-package
	@build/kselftest-files $(OUTPUT)/kselftest
endif

# ---- sources and products ------------------------------------------------
sources = $(sort $(wildcard $(addsuffix /*.c,$(1)) $(addsuffix /*.S,$(1))))
# lib's floors: each uses only itself and those before it (tests/style).
FLOORS := lib/core lib/mem lib/mem/$(MACHINE) lib/kvm lib/kvm/$(MACHINE) lib/dirty
area_folders = $(1) $(1)/$(MACHINE) $(if $(filter lib,$(1)),$(FLOORS))
programs_of = $(filter %_test.c %_bench.c,$(call sources,$(call area_folders,$(1))))
guest_of = $(filter %_guest.c %_guest.S,$(call sources,$(call area_folders,$(1))))
helpers_of = $(filter-out $(call programs_of,$(1)) $(call guest_of,$(1)),$(call sources,$(call area_folders,$(1))))
name_of = $(basename $(notdir $(1)))

ifneq ($(SUPPORTED),)
PROGRAM_SOURCES := $(foreach a,lib $(AREAS),$(call programs_of,$(a)))
UNIT_TESTS := $(call name_of,$(wildcard tests/unit/*_test.c))
# Modules are for the one kernel whose build folder is given.
MODULE_AREAS := $(patsubst %/driver/,%,$(wildcard $(addsuffix /driver/,prove $(AREAS))))
ifneq ($(KDIR),)
# What uname -r says; Debian's include/config/kernel.release says another thing.
UTSRELEASE := $(KDIR)/include/generated/utsrelease.h
RELEASE := $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' $(UTSRELEASE) 2>/dev/null)
$(if $(RELEASE),,$(error KDIR=$(KDIR) is no folder of a built kernel: no include/generated/utsrelease.h in it. \
	Debian has them in linux-headers-*, as /usr/src/linux-headers-RELEASE))
MODULES := $(foreach a,$(MODULE_AREAS),modules/$(RELEASE)/secmmu_$(a).ko)
endif

# Installed, all are in one folder.
duplicates = $(strip $(foreach n,$(sort $(1)),$(if $(filter-out 1,$(words $(filter $(n),$(1)))),$(n))))
$(if $(call duplicates,$(call name_of,$(PROGRAM_SOURCES))),\
	$(error two programs have one name: $(call duplicates,$(call name_of,$(PROGRAM_SOURCES)))))

TEST_GEN_PROGS := $(call name_of,$(filter %_test.c,$(PROGRAM_SOURCES)))
TEST_GEN_PROGS_EXTENDED := $(call name_of,$(filter %_bench.c,$(PROGRAM_SOURCES)))
TEST_GEN_FILES := secmmu-tests.list $(MODULES)
TEST_FILES := $(wildcard vm runner prove known-failures)
TEST_PROGS_EXTENDED := $(wildcard run_all.sh)
else
all: unsupported
endif
EXTRA_CLEAN := $(addprefix $(OUTPUT)/,obj modules)

# A clean needs nothing fetched.
ifneq ($(filter-out clean help,$(or $(MAKECMDGOALS),all))$(wildcard $(KSFT)/lib.mk),)
include $(KSFT)/lib.mk
else
clean:
	rm -rf $(addprefix $(OUTPUT)/,$(TEST_GEN_PROGS) $(TEST_GEN_PROGS_EXTENDED) $(TEST_GEN_FILES)) $(EXTRA_CLEAN)
endif

# lib.mk installs by rsync and only says "not found".
ifneq ($(filter install,$(MAKECMDGOALS)),)
$(if $(shell command -v rsync),,$(error make install needs rsync: install the Debian package rsync))
endif

unsupported:
	@echo "secmmu: no tests for ARCH=$(MACHINE) (x86_64 and arm64 have them): nothing built"

# ---- tools and flags -----------------------------------------------------
# lib.mk has set CC from CROSS_COMPILE and LLVM.
COMPILER := $(if $(findstring clang,$(CC) $(shell $(firstword $(CC)) --version 2>/dev/null | head -n 1)),clang,gcc)
tool = $(shell $(CC) -print-prog-name=$(1))
AR = $(call tool,ar)
NM = $(call tool,nm)
# A folder per architecture and compiler: switching between them rebuilds nothing.
OBJ := $(OUTPUT)/obj/$(MACHINE)-$(COMPILER)

quiet = $(if $(filter 1,$(V)),,@printf '  %-8s %s\n' $(1) $(patsubst $(OUTPUT)/%,%,$@);)

INCLUDES := -Ilib -Ilib/kvm/$(MACHINE) -isystem $(KSFT) $(KHDR_INCLUDES)
# What gcc does not warn of either: the kernel's own structures have it.
WARNINGS_clang := -Wno-address-of-packed-member -Wno-gnu-variable-sized-type-not-at-end
WARNINGS := -Wall -Wextra -Wno-unused-parameter -Wmissing-prototypes -Wstrict-prototypes -Wvla \
	$(WARNINGS_$(COMPILER)) $(if $(filter 1,$(WERROR)),-Werror)

# -no-pie: a guest has the code of guest_image at the addresses that the host
# binary has it. _GNU_SOURCE is spelled as newer lib.mk spell it.
HOST_CFLAGS = -std=gnu11 -O2 -g -fno-pie -pthread -D_GNU_SOURCE= $(WARNINGS) $(INCLUDES)
HOST_LDFLAGS = $(if $(filter -static,$(LDFLAGS)),,-no-pie) -pthread

# A guest has neither libc nor FPU state nor anything that ELF startup sets up.
GUEST_CFLAGS_x86_64 := -mno-red-zone -fcf-protection=none
GUEST_CFLAGS_arm64 := -mno-outline-atomics -mbranch-protection=none
GUEST_CFLAGS_gcc := -fno-tree-loop-distribute-patterns
GUEST_CFLAGS = -std=gnu11 -O2 -g -ffreestanding -fno-pic -fno-pie -fno-stack-protector -fno-jump-tables \
	-fno-exceptions -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-common -mgeneral-regs-only \
	$(GUEST_CFLAGS_$(MACHINE)) $(GUEST_CFLAGS_$(COMPILER)) -D_GNU_SOURCE= $(WARNINGS) $(INCLUDES) \
	$(filter -W% -D% -I%,$(USERCFLAGS))

# ---- objects -------------------------------------------------------------
object_of = $(patsubst %,$(OBJ)/%.o,$(basename $(1)))
ALL_SOURCES := $(foreach f,$(foreach a,lib $(AREAS),$(call area_folders,$(a))) tests/unit,$(call sources,$(f)))
ALL_OBJECTS := $(call object_of,$(ALL_SOURCES))
GUEST_OBJECTS := $(filter %_guest.o,$(ALL_OBJECTS))
LIBRARY := $(OBJ)/libsecmmu.a

# Files that change only when the flags in them do: what depends on one is
# made anew when it is called for with other flags.
define stamp # FILE, TEXT
$(1): FORCE
	@mkdir -p $$(@D)
	@printf '%s\n' '$(subst ','\'',$(2))' | cmp -s - $$@ || printf '%s\n' '$(subst ','\'',$(2))' > $$@
endef
$(eval $(call stamp,$(OBJ)/host-flags,$(CC) $(HOST_CFLAGS) $(CFLAGS)))
$(eval $(call stamp,$(OBJ)/guest-flags,$(CC) $(GUEST_CFLAGS)))
$(eval $(call stamp,$(OUTPUT)/obj/link-flags,$(CC) $(HOST_CFLAGS) $(CFLAGS) $(LDFLAGS)))

$(filter-out $(GUEST_OBJECTS),$(ALL_OBJECTS)): $(OBJ)/%.o: %.c $(OBJ)/host-flags | $(OBJ)/numa.link
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) $(HOST_CFLAGS) @$(OBJ)/numa.compile $(CFLAGS) -MMD -MP -c $< -o $@

$(filter $(call object_of,$(wildcard $(filter %.c,$(ALL_SOURCES)))),$(GUEST_OBJECTS)): $(OBJ)/%.o: %.c $(OBJ)/guest-flags
	@mkdir -p $(@D)
	$(call quiet,GUEST)$(CC) $(GUEST_CFLAGS) -MMD -MP -c $< -o $@

$(filter $(call object_of,$(wildcard $(filter %.S,$(ALL_SOURCES)))),$(GUEST_OBJECTS)): $(OBJ)/%.o: %.S $(OBJ)/guest-flags
	@mkdir -p $(@D)
	$(call quiet,GUEST)$(CC) $(GUEST_CFLAGS) -Wa,--noexecstack -MMD -MP -c $< -o $@

$(LIBRARY): $(call object_of,$(call helpers_of,lib))
	$(call quiet,AR)rm -f $@ && $(AR) rcs $@ $^

# ---- programs ------------------------------------------------------------
# One guest image per area: the guest code of lib/ and the area's own.
define area_rules # AREA
$(OBJ)/$(1)/guest.o: lib/kvm/guest.lds build/guest-image $(call object_of,$(call guest_of,lib) $(filter-out $(call guest_of,lib),$(call guest_of,$(1))))
	@mkdir -p $$(@D)
	$$(call quiet,LD)CC='$$(CC)' NM='$$(NM)' build/guest-image $$@ lib/kvm/guest.lds $$(filter %.o,$$^)
endef
$(foreach a,lib $(AREAS) tests/unit,$(eval $(call area_rules,$(a))))

define program_rule # PRODUCT, SOURCE, AREA
$(1): $(call object_of,$(2)) $(if $(filter lib,$(3)),,$(call object_of,$(call helpers_of,$(3)))) \
	$(OBJ)/$(3)/guest.o $(LIBRARY) $(OUTPUT)/obj/link-flags $(OBJ)/numa.link
	$$(call quiet,LINK)$$(CC) $$(CFLAGS) $$(HOST_LDFLAGS) $$(LDFLAGS) $$(filter %.o %.a,$$^) @$(OBJ)/numa.link -lnuma -lm -o $$@
endef
$(foreach a,lib $(AREAS),$(foreach s,$(call programs_of,$(a)),\
	$(eval $(call program_rule,$(OUTPUT)/$(call name_of,$(s)),$(s),$(a)))))
$(foreach s,$(filter tests/unit/%_test.c,$(ALL_SOURCES)),\
	$(eval $(call program_rule,$(OBJ)/tests/unit/$(call name_of,$(s)),$(s),tests/unit)))

# Also what says that there is no compiler, or no libnuma, before the first file.
$(OBJ)/numa.link: build/find-libnuma $(OUTPUT)/obj/link-flags
	@mkdir -p $(@D)
	@CC='$(CC) $(LDFLAGS)' build/find-libnuma $(MACHINE) $(@:.link=)

$(OUTPUT)/secmmu-tests.list: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' $(foreach a,lib $(AREAS),$(foreach s,$(call programs_of,$(a)),\
		'$(a) $(call name_of,$(s))$(if $(filter %_bench.c,$(s)), bench)')) > $@

all: $(if $(SUPPORTED),$(LIBRARY) $(foreach a,lib $(AREAS),$(OBJ)/$(a)/guest.o))

# ---- modules -------------------------------------------------------------
# A rule of our own: the lib.mk of 6.1 does not know TEST_GEN_MODS_DIR. The
# sources are copied, since kbuild writes beside them; what was said about this
# build (O=, LLVM=, flags) must not reach the kernel's, MODULE_FLAGS= does.
# MODULE_RUN= is a command to run the kernel's make under (vm/modules).
# BTF for a module would need pahole, and nothing reads it.
clean_environment := env $(addprefix -u ,MAKEFLAGS MFLAGS MAKELEVEL O OUTPUT KBUILD_OUTPUT LLVM CC CFLAGS LDFLAGS M)
define module_rule # AREA
$(OUTPUT)/modules/$(RELEASE)/secmmu_$(1).ko: $(wildcard $(1)/driver/* lib/driver/*) $(UTSRELEASE)
	@rm -rf $$(@:.ko=.build) && mkdir -p $$(@:.ko=.build) && cp $(1)/driver/* lib/driver/* $$(@:.ko=.build)
	$$(call quiet,MODULE)$(clean_environment) $(MODULE_RUN) $$(MAKE) -C $(KDIR) M=$$(abspath $$(@:.ko=.build)) ARCH=$(MACHINE) \
		$(if $(CROSS_COMPILE),CROSS_COMPILE=$(CROSS_COMPILE)) $(if $(filter 1,$(WERROR)),KCFLAGS=-Werror) \
		CONFIG_DEBUG_INFO_BTF_MODULES= $(MODULE_FLAGS) $(if $(filter 1,$(V)),V=1,-s) modules
	@cp $$(@:.ko=.build)/$$(@F) $$@
endef
$(if $(KDIR),$(foreach a,$(MODULE_AREAS),$(eval $(call module_rule,$(a)))))

modules: $(addprefix $(OUTPUT)/,$(MODULES))
	$(if $(KDIR),,$(error make modules needs KDIR=, the build folder of the kernel to build for))

unit: $(addprefix $(OBJ)/tests/unit/,$(UNIT_TESTS))

# What install makes, packed, for a machine that builds nothing; of the same name as
# kselftest's, which packs all that a kernel tree has.
gen_tar:
	@rm -rf $(OUTPUT)/secmmu
	@$(MAKE) --no-print-directory install INSTALL_PATH=$(abspath $(OUTPUT))/secmmu
	$(call quiet,TAR)tar -C $(OUTPUT) -czf $(OUTPUT)/secmmu.tar.gz.new secmmu && mv $(OUTPUT)/secmmu.tar.gz.new $(OUTPUT)/secmmu.tar.gz
	@rm -rf $(OUTPUT)/secmmu

# Installs what is missing, as root; otherwise says what that is, and the steps
# that need it are skipped.
check:
	@build/packages --install check || true
	@tests/check

check-quick:
	@tests/check --quick

# The manual page, of what run_all.sh says of itself.
man: $(OUTPUT)/run_all.sh.1

$(OUTPUT)/run_all.sh.1: runner/options.sh run_all.sh
	@mkdir -p $(@D)
	$(call quiet,MAN)help2man --no-info --section=1 --name='run the secmmu selftests here or on target kernels' ./run_all.sh > $@.new && mv $@.new $@

help:
	@sed -n '3,15s/^# \{0,1\}//p' Makefile

-include $(ALL_OBJECTS:.o=.d)

FORCE:
.PHONY: all unit modules gen_tar check check-quick man help unsupported FORCE
.DEFAULT_GOAL := all
