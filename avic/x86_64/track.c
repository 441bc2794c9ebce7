// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a list of guest writes leaves in memory, and what KVM has to tell of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report.h"
#include "track_scene.h"

#define PAGE 4096ULL

/* One callback for each page (emulator_read_write()). */
static void expect(struct track_scene *scene, uint64_t gpa, const void *data,
		   size_t bytes)
{
	const uint8_t *from = data;

	memcpy(scene->image + (gpa - scene->slot.gpa), data, bytes);
	while (bytes) {
		size_t now = PAGE - gpa % PAGE;
		struct secmmu_avic_write *write;

		if (now > bytes)
			now = bytes;
		if (track_is_tracked(scene, gpa)) {
			CHECK(scene->expected_count < TRACK_EXPECTED,
			      "more than %d writes in one list",
			      TRACK_EXPECTED);
			write = &scene->expected[scene->expected_count++];
			memset(write, 0, sizeof(*write));
			write->gpa = gpa;
			write->bytes = (uint32_t)now;
			memcpy(write->data, from, now);
		}
		gpa += now;
		from += now;
		bytes -= now;
	}
}

/* A locked comparison writes what was there if it fails (em_cmpxchg()). */
static void expect_compare(struct track_scene *scene, const struct track_op *op)
{
	const uint64_t *compare = op->size == 16 ? &op->value[2] :
						   &op->value[1];
	uint8_t *old = scene->image + (op->gva - scene->slot.gpa);
	uint8_t copy[16];

	memcpy(copy, old, op->size);
	expect(scene, op->gva,
	       memcmp(copy, compare, op->size) ? copy : (uint8_t *)op->value,
	       op->size);
}

/* Instructions that read, change and write. */
static void expect_change(struct track_scene *scene, const struct track_op *op)
{
	uint64_t value = 0;

	memcpy(&value, scene->image + (op->gva - scene->slot.gpa), op->size);
	if (op->kind == TRACK_OR)
		value |= op->value[0];
	else if (op->kind == TRACK_XADD)
		value += op->value[0];
	else
		value |= 1ULL << op->value[0];
	expect(scene, op->gva, &value, op->size);
}

static void expect_repeated(struct track_scene *scene,
			    const struct track_op *op)
{
	const uint8_t *from = (const uint8_t *)op->value;
	unsigned int i;

	for (i = 0; i < op->count; i++)
		expect(scene, op->gva + i * op->size,
		       op->kind == TRACK_STOS ? from : from + i * op->size,
		       op->size);
}

static void expect_op(struct track_scene *scene, const struct track_op *op)
{
	switch (op->kind) {
	case TRACK_OR:
	case TRACK_XADD:
	case TRACK_BTS:
		expect_change(scene, op);
		break;
	case TRACK_CMPXCHG:
	case TRACK_CMPXCHG8B:
	case TRACK_CMPXCHG16B:
		expect_compare(scene, op);
		break;
	case TRACK_STOS:
	case TRACK_MOVS:
		expect_repeated(scene, op);
		break;
	default:
		expect(scene, op->gva, op->value, op->size);
	}
}

bool track_is_tracked(const struct track_scene *scene, uint64_t gpa)
{
	size_t i;

	for (i = 0; i < scene->page_count; i++)
		if (scene->page[i] == gpa / PAGE * PAGE)
			return true;
	return false;
}

void track_begin(struct track_scene *scene,
		 const struct track_scene_config *config)
{
	struct backing_request request = {
		.kind = config->backing,
		.size = config->size,
		.flags = BACKING_POPULATE,
		.fd = -1,
	};
	struct vm_config vm_config = { .vcpus = config->vcpus };

	memset(scene, 0, sizeof(*scene));
	scene->vm = vm_create(&vm_config);
	backing_create(&scene->backing, &request);
	slot_add(scene->vm, &scene->slot, SLOT_TEST_FIRST, GPA_TEST,
		 &scene->backing, 0);
	vm_map(scene->vm, GPA_TEST, GPA_TEST, config->size, 1UL << 21);
	scene->image = calloc(1, config->size);
	scene->expected = calloc(TRACK_EXPECTED, sizeof(*scene->expected));
	if (!scene->image || !scene->expected)
		fail("out of memory");
	avic_attach(&scene->avic, scene->vm, config->vcpus ? config->vcpus : 1,
		    TRACK_RING, SECMMU_AVIC_FIXED);
}

void track_end(struct track_scene *scene)
{
	avic_close(&scene->avic);
	vm_destroy(scene->vm);
	backing_destroy(&scene->backing);
	free(scene->image);
	free(scene->expected);
}

void track_page(struct track_scene *scene, uint64_t offset)
{
	CHECK(scene->page_count < TRACK_PAGES, "too many pages");
	avic_track(&scene->avic, scene->slot.gpa + offset);
	scene->page[scene->page_count++] = scene->slot.gpa + offset;
}

static void write_text(const struct secmmu_avic_write *write, char *text,
		       size_t size)
{
	int length = snprintf(text, size, "%u bytes at %#llx:", write->bytes,
			      (unsigned long long)write->gpa);
	unsigned int i;

	for (i = 0; i < write->bytes && i < sizeof(write->data) &&
		    length < (int)size - 4;
	     i++)
		length += snprintf(text + length, size - (size_t)length,
				   " %02x", write->data[i]);
}

static bool same(const struct secmmu_avic_write *one,
		 const struct secmmu_avic_write *other)
{
	return one->gpa == other->gpa && one->bytes == other->bytes &&
	       !memcmp(one->data, other->data, sizeof(one->data));
}

void track_judge(struct track_scene *scene)
{
	struct secmmu_avic_write told;
	char text[2][160] = { "nothing", "nothing" };
	size_t i, first;

	for (i = 0; i < scene->expected_count; i++) {
		bool there = avic_next(&scene->avic, gettid(), &told);

		write_text(&scene->expected[i], text[0], sizeof(text[0]));
		if (there)
			write_text(&told, text[1], sizeof(text[1]));
		CHECK(there && same(&told, &scene->expected[i]),
		      "write %zu of %zu to tracked pages: KVM told of %s; the guest wrote %s",
		      i + 1, scene->expected_count, text[1], text[0]);
	}
	if (avic_next(&scene->avic, gettid(), &told)) {
		write_text(&told, text[1], sizeof(text[1]));
		fail("KVM told of a write that the guest did not make, after all %zu that it made: %s",
		     scene->expected_count, text[1]);
	}
	scene->expected_count = 0;
	for (first = 0; first < scene->slot.size; first++)
		if (scene->image[first] != ((uint8_t *)scene->slot.hva)[first])
			break;
	CHECK(first == scene->slot.size,
	      "memory is not as the guest's writes leave it: byte %#zx of the slot is %02x and not %02x",
	      first, ((uint8_t *)scene->slot.hva)[first], scene->image[first]);
}

void track_begin_run(struct track_scene *scene, const struct track_op *op,
		     size_t count, uint64_t vectors)
{
	struct vcpu *vcpu = &scene->vm->vcpus[0];
	struct track_list *list = track_list_of(vcpu->guest);
	size_t i;

	CHECK(count <= TRACK_OPS, "too many writes");
	list->count = count;
	memcpy(list->op, op, count * sizeof(*op));
	for (i = 0; i < count; i++)
		list->op[i].gva += scene->slot.gpa;
	vcpu_start(vcpu, track_run, vectors);
}

void track_do(struct track_scene *scene, const struct track_op *op,
	      size_t count, uint64_t vectors)
{
	struct vcpu *vcpu = &scene->vm->vcpus[0];
	size_t i;

	track_begin_run(scene, op, count, vectors);
	for (i = 0; i < count; i++)
		expect_op(scene, &track_list_of(vcpu->guest)->op[i]);
	vcpu_run(vcpu, VCPU_DONE);
	track_judge(scene);
}
