// SPDX-License-Identifier: GPL-2.0-only
/* Names of functions by address, from the program's ELF file. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/symbol.h"

#define SELF "/proc/self/exe"

/* The program's file in memory; NULL if it cannot be read. */
static const char *map_self(size_t *size)
{
	int fd = open(SELF, O_RDONLY | O_CLOEXEC);
	void *file = MAP_FAILED;
	struct stat status;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &status)) {
		*size = (size_t)status.st_size;
		file = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	close(fd);
	return file == MAP_FAILED ? NULL : file;
}

static bool inside(u64 offset, u64 length, size_t size)
{
	return offset <= size && length <= size - offset;
}

/* The section of a type, and the one that its sh_link refers to. */
static const Elf64_Shdr *find_section(const char *file, size_t size,
				      Elf64_Word type,
				      const Elf64_Shdr **linked)
{
	const Elf64_Ehdr *header = (const void *)file;
	const Elf64_Shdr *sections;
	unsigned int i;

	if (size < sizeof(*header) ||
	    memcmp(header->e_ident, ELFMAG, SELFMAG) ||
	    !inside(header->e_shoff, header->e_shnum * sizeof(*sections), size))
		return NULL;
	sections = (const void *)(file + header->e_shoff);
	for (i = 0; i < header->e_shnum; i++) {
		if (sections[i].sh_type != type ||
		    sections[i].sh_link >= header->e_shnum)
			continue;
		*linked = &sections[sections[i].sh_link];
		if (inside(sections[i].sh_offset, sections[i].sh_size, size) &&
		    inside((*linked)->sh_offset, (*linked)->sh_size, size))
			return &sections[i];
	}
	return NULL;
}

/* The function that contains an address: its name and its start. */
static const char *find_function(const char *file, size_t size, u64 address,
				 u64 *begin)
{
	const Elf64_Shdr *strings, *table;
	const Elf64_Sym *symbol;
	u64 i;

	table = find_section(file, size, SHT_SYMTAB, &strings);
	if (!table)
		return NULL;
	symbol = (const void *)(file + table->sh_offset);
	for (i = 0; i < table->sh_size / sizeof(*symbol); i++, symbol++) {
		if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC ||
		    address < symbol->st_value ||
		    address - symbol->st_value >= symbol->st_size ||
		    symbol->st_name >= strings->sh_size)
			continue;
		*begin = symbol->st_value;
		return file + strings->sh_offset + symbol->st_name;
	}
	return NULL;
}

const char *symbol_text(u64 address, char *buffer, size_t size)
{
	const char *file, *name = NULL;
	u64 begin = 0;
	size_t file_size;

	file = map_self(&file_size);
	if (file)
		name = find_function(file, file_size, address, &begin);
	if (name)
		snprintf(buffer, size,
			 "%#llx (%s+%#llx; addr2line -e %s %#llx says the line)",
			 address, name, address - begin,
			 program_invocation_short_name, address);
	else
		snprintf(buffer, size, "%#llx", address);
	if (file)
		munmap((void *)(uintptr_t)file, file_size);
	return buffer;
}
