# SPDX-License-Identifier: GPL-2.0-only
# What every AREA/driver/Makefile is: builds the module beside it against one
# kernel, make -C AREA/driver KDIR=/path/to/headers. kbuild itself reads
# AREA/driver/Kbuild, which it prefers to the Makefile.
# Type data (BTF) for the module would need pahole; nothing reads it.
KDIR ?= /lib/modules/$(shell uname -r)/build

.PHONY: all clean
all:
	$(MAKE) -C $(KDIR) M=$(CURDIR) CONFIG_DEBUG_INFO_BTF_MODULES= modules
clean:
	$(MAKE) -C $(KDIR) M=$(CURDIR) clean
