// SPDX-License-Identifier: GPL-2.0-only
/* What secmmu_avic is for a kernel in which nobody can track writes. */
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/module.h>

static int __init avic_init(void)
{
	pr_err("secmmu_avic: needs a kernel with CONFIG_KVM_EXTERNAL_WRITE_TRACKING\n");
	return -EOPNOTSUPP;
}

module_init(avic_init);

MODULE_DESCRIPTION("secmmu: tracks guest writes, shadows physical-ID tables");
MODULE_LICENSE("GPL");
