/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel modules in a target's image (TARGET_MODULES_CARRIED in vm/targets). */
#ifndef SECMMU_TARGET_MODULE_H
#define SECMMU_TARGET_MODULE_H

/**
 * target_module_insert() - insert a module and those that it depends on
 * @module: its name
 *
 * Ignores errors: the caller checks for what the module provides.
 */
void target_module_insert(const char *module);

#endif /* SECMMU_TARGET_MODULE_H */
