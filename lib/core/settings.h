/* SPDX-License-Identifier: GPL-2.0-only */
/* Settings of the kernel that a test changes for a while. */
#ifndef SECMMU_SETTINGS_H
#define SECMMU_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

/* Room for a setting's value, bytes. */
#define SETTING_MAX 128

/**
 * struct setting - a setting of the kernel, and what it was before
 * @file: where it is
 * @value: what it is to be
 * @before: what it was
 */
struct setting {
	const char *file;
	const char *value;
	char before[SETTING_MAX];
};

/**
 * settings_begin() - have changes noted where settings_cleanup() finds them
 *
 * Context: the program, before its cases: they and it share the notes.
 */
void settings_begin(void);

/**
 * settings_cleanup() - put back what a case has left changed
 *
 * Context: the program, when a case has ended, however that was. Says so if a
 * setting cannot be put back.
 */
void settings_cleanup(void);

/**
 * settings_set() - change settings, and remember what they were
 * @settings: what to change; @before is filled in
 * @count: how many
 *
 * Return: true; or false if the kernel does not have one of them, and then those
 * before it have been put back.
 */
bool settings_set(struct setting *settings, size_t count);

/**
 * settings_restore() - put back what settings_set() changed
 * @settings: as changed
 * @count: how many
 */
void settings_restore(struct setting *settings, size_t count);

#endif /* SECMMU_SETTINGS_H */
