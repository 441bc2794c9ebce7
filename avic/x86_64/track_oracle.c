// SPDX-License-Identifier: GPL-2.0-only
/* The model objects to every history that is not the guest's own. */
#include <stdlib.h>
#include <string.h>

#include "core/expect.h"
#include "core/report.h"
#include "track_slots.h"

#define TOLD_MAX 4

/**
 * struct history - what KVM could tell of two writes of a guest
 * @told: their numbers, one after the other; -1: the end
 * @spoil: what is done to the first of them
 * @text: part of what the model has to say; NULL: nothing is wrong
 */
struct history {
	int told[TOLD_MAX];
	void (*spoil)(struct secmmu_avic_write *write);
	const char *text;
};

static void spoil_address(struct secmmu_avic_write *write)
{
	write->gpa += 8;
}

static void spoil_length(struct secmmu_avic_write *write)
{
	write->bytes = 4;
}

static void spoil_byte(struct secmmu_avic_write *write)
{
	write->data[7] ^= 1;
}

static const struct history histories[] = {
	{ { 0, 1, -1 }, NULL, NULL },
	{ { 0, -1 }, NULL, "KVM tells of nothing" },
	{ { 1, -1 }, NULL, "KVM tells of 8 bytes" },
	{ { 1, 0, -1 }, NULL, "KVM tells of 8 bytes" },
	{ { 0, 0, 1, -1 }, NULL, "KVM tells of 8 bytes" },
	{ { 0, 1, 1, -1 }, NULL, "write to a tracked page is nothing" },
	{ { 0, 1, -1 }, spoil_address, "KVM tells of 8 bytes" },
	{ { 0, 1, -1 }, spoil_length, "KVM tells of 4 bytes" },
	{ { 0, 1, -1 }, spoil_byte, "KVM tells of 8 bytes" },
};

static void live_through(void *argument)
{
	const struct history *history = argument;
	struct track_vm fixture = {
		.slot = { .gpa = GPA_TEST, .size = 4096 },
		.page = { GPA_TEST },
		.page_count = 1,
		.image = calloc(1, 4096),
	};
	struct track_op op = { .kind = TRACK_MOV, .size = 8, .gva = GPA_TEST };
	struct track_model *model = track_model_new(&fixture);
	struct secmmu_avic_write write[2];
	unsigned int i;

	CHECK(fixture.image, "out of memory");
	for (i = 0; i < 2; i++) {
		op.gva += 64;
		op.value[0] = 0x1122334455667700ULL + i;
		track_model_do(model, &op);
		write[i] = model->write[i];
	}
	if (history->spoil)
		history->spoil(&write[0]);
	for (i = 0; history->told[i] >= 0; i++)
		track_model_told(model, &write[history->told[i]]);
	track_model_told(model, NULL);
	free(model);
	free(fixture.image);
}

void track_oracle(const struct test_case *test)
{
	size_t i;

	(void)test;
	for (i = 0; i < ARRAY_SIZE(histories); i++) {
		if (histories[i].text)
			expect_failure(live_through, (void *)&histories[i],
				       histories[i].text);
		else
			live_through((void *)&histories[i]);
	}
}
