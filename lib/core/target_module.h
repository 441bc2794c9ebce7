/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Modules of the kernel that a target carries for whoever wants them
 * (TARGET_MODULES_CARRIED in vm/targets).
 */
#ifndef SECMMU_TARGET_MODULE_H
#define SECMMU_TARGET_MODULE_H

/**
 * target_module_insert() - insert a module, after those that it depends on
 * @module: its name
 *
 * Does nothing where there is no such module, or where it is inserted already:
 * whether it is there is seen by what it provides.
 */
void target_module_insert(const char *module);

#endif /* SECMMU_TARGET_MODULE_H */
