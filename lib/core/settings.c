// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel settings. A case may end anywhere, by a failed check or a signal; so the
 * journal of its changes is in memory shared with the program's first process.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "core/kernel_file.h"
#include "core/report.h"
#include "core/settings.h"

#define CHANGED_MAX 32

/* An entry of the journal; a free one has no file. */
struct changed {
	char file[128];
	char before[SETTING_MAX];
};

static struct changed *changed;

void settings_begin(void)
{
	if (changed)
		return;
	changed = mmap(NULL, CHANGED_MAX * sizeof(*changed),
		       PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		       0);
	if (changed == MAP_FAILED)
		fail("no memory for the settings that cases change: %s",
		     errno_name(errno));
}

/* Append, since settings_cleanup() restores from the end. */
static void note(const struct setting *setting)
{
	unsigned int i = CHANGED_MAX;

	if (!changed)
		return;
	while (i && !changed[i - 1].file[0])
		i--;
	if (i == CHANGED_MAX)
		fail("more than %d settings are changed", CHANGED_MAX);
	if (strlen(setting->file) >= sizeof(changed[i].file))
		fail("the name of %s is too long", setting->file);
	strcpy(changed[i].before, setting->before);
	strcpy(changed[i].file, setting->file);
}

/* Remove the last entry of a file, which may have several. */
static void forget(const struct setting *setting)
{
	unsigned int i;

	for (i = CHANGED_MAX; changed && i-- > 0;)
		if (!strcmp(changed[i].file, setting->file)) {
			changed[i].file[0] = '\0';
			return;
		}
}

void settings_cleanup(void)
{
	unsigned int i;
	int error;

	for (i = CHANGED_MAX; changed && i-- > 0;) {
		if (!changed[i].file[0])
			continue;
		error = kernel_file_write(changed[i].file, changed[i].before,
					  0);
		if (error)
			report_info("cannot restore %s: %s", changed[i].file,
				    errno_name(-error));
		changed[i].file[0] = '\0';
	}
}

/* A file that lists its choices has the current one in brackets. */
static void keep_chosen(char *text)
{
	char *open = strchr(text, '['), *close = strchr(text, ']');

	if (!open || !close || close < open)
		return;
	*close = '\0';
	memmove(text, open + 1, strlen(open + 1) + 1);
}

bool settings_set(struct setting *settings, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		FILE *file = fopen(settings[i].file, "re");
		bool read = file && fgets(settings[i].before,
					  sizeof(settings[i].before), file);

		if (file)
			fclose(file);
		if (read) {
			keep_chosen(settings[i].before);
			note(&settings[i]);
			if (!kernel_file_write(settings[i].file,
					       settings[i].value, 0))
				continue;
			forget(&settings[i]);
		}
		settings_restore(settings, i);
		return false;
	}
	return true;
}

void settings_restore(struct setting *settings, size_t count)
{
	while (count--) {
		kernel_file_must_write(settings[count].file,
				       settings[count].before);
		forget(&settings[count]);
	}
}
