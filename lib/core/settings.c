// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel settings. A case may end anywhere, by a failed check or a signal; so the
 * journal of its changes is in memory shared with the program's first process. If
 * that is killed, too, vm/agent restores what is left: the memory is that of a file,
 * whose name it gives, and an entry is a line of text.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/kernel_file.h"
#include "core/report.h"
#include "core/settings.h"

#define CHANGED_MAX 32
#define ENTRY_MAX   256

/*
 * Entries of the journal: "FILE VALUE", filled up with newlines. The first character
 * is written last and erased first, so that a line which begins with '/' is whole.
 */
static char (*journal)[ENTRY_MAX];

void settings_begin(void)
{
	const char *name = getenv("SECMMU_SETTINGS");
	const size_t size = CHANGED_MAX * sizeof(*journal);
	int flags = MAP_SHARED | MAP_ANONYMOUS, file = -1;

	if (journal)
		return;
	if (name) {
		flags = MAP_SHARED;
		file = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (file < 0 || posix_fallocate(file, 0, (off_t)size))
			fail("no file %s for the settings that cases change: %s",
			     name, errno_name(errno));
	}
	journal = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, file, 0);
	if (journal == MAP_FAILED)
		fail("no memory for the settings that cases change: %s",
		     errno_name(errno));
	if (file >= 0)
		close(file);
	memset(journal, '\n', size);
}

static bool is_used(unsigned int i)
{
	return __atomic_load_n(&journal[i][0], __ATOMIC_ACQUIRE) == '/';
}

static void erase(unsigned int i)
{
	__atomic_store_n(&journal[i][0], '\n', __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	memset(journal[i], '\n', sizeof(journal[i]));
}

/* Append, since settings_cleanup() restores from the end. */
static void note(const struct setting *setting)
{
	unsigned int i = CHANGED_MAX;
	char line[ENTRY_MAX];
	int length;

	if (!journal)
		return;
	while (i && !is_used(i - 1))
		i--;
	if (i == CHANGED_MAX)
		fail("more than %d settings are changed", CHANGED_MAX);
	length = snprintf(line, sizeof(line), "%s %s", setting->file,
			  setting->before);
	if (line[0] != '/' || length >= (int)sizeof(line) - 1)
		fail("%s: a name that is too long or not absolute",
		     setting->file);
	memcpy(journal[i] + 1, line + 1, (size_t)length - 1);
	__atomic_store_n(&journal[i][0], line[0], __ATOMIC_RELEASE);
}

/* Remove the last entry of a file, which may have several. */
static void forget(const struct setting *setting)
{
	size_t length = strlen(setting->file);
	unsigned int i;

	for (i = CHANGED_MAX; journal && i-- > 0;)
		if (is_used(i) && !strncmp(journal[i], setting->file, length) &&
		    journal[i][length] == ' ') {
			erase(i);
			return;
		}
}

static void restore_entry(unsigned int i)
{
	char line[ENTRY_MAX], *value;
	int error;

	memcpy(line, journal[i], sizeof(line));
	line[strcspn(line, "\n")] = '\0';
	value = strchr(line, ' ');
	*value++ = '\0';
	error = kernel_file_write(line, value, 0);
	if (error)
		report_info("cannot restore %s: %s", line, errno_name(-error));
	erase(i);
}

void settings_cleanup(void)
{
	unsigned int i;

	for (i = CHANGED_MAX; journal && i-- > 0;)
		if (is_used(i))
			restore_entry(i);
}

/* A file that lists its choices has the current one in brackets. */
static void keep_chosen(char *text)
{
	char *open = strchr(text, '['), *close = strchr(text, ']');

	text[strcspn(text, "\n")] = '\0';
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
