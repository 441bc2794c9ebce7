/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel settings that a test changes and restores. */
#ifndef SECMMU_SETTINGS_H
#define SECMMU_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

/* Size of a setting's value, in bytes. */
#define SETTING_MAX 128

/**
 * struct setting - a kernel setting to change
 * @file: its file, such as one in /proc/sys
 * @value: the new value
 * @before: the old value
 */
struct setting {
	const char *file;
	const char *value;
	char before[SETTING_MAX];
};

/**
 * settings_begin() - allocate the journal of changes, shared with the cases
 *
 * Context: the program's first process, before it forks.
 */
void settings_begin(void);

/**
 * settings_cleanup() - restore what a case left changed
 *
 * Prints settings that cannot be restored.
 *
 * Context: the program's first process, after a case has ended in any way.
 */
void settings_cleanup(void);

/**
 * settings_set() - change settings
 * @settings: the settings; @before is filled in
 * @count: number of settings
 *
 * Return: true; false if one of them does not exist or rejects the value: none is
 * changed then.
 */
bool settings_set(struct setting *settings, size_t count);

/**
 * settings_restore() - restore what settings_set() changed
 * @settings: the settings
 * @count: number of settings
 */
void settings_restore(struct setting *settings, size_t count);

#endif /* SECMMU_SETTINGS_H */
