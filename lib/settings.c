// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "kernel_file.h"
#include "settings.h"

/* A file that lists its choices has the chosen one in brackets. */
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
		if (!read ||
		    kernel_file_write(settings[i].file, settings[i].value, 0)) {
			settings_restore(settings, i);
			return false;
		}
		keep_chosen(settings[i].before);
	}
	return true;
}

void settings_restore(struct setting *settings, size_t count)
{
	while (count--)
		kernel_file_must_write(settings[count].file,
				       settings[count].before);
}
