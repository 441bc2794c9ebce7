// SPDX-License-Identifier: GPL-2.0-only
/*
 * What guest writes leave in memory, and what KVM has to tell of them.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "core/report.h"
#include "track_vm.h"

#define PAGE 4096ULL

static bool is_tracked(const struct track_vm *fixture, u64 gpa)
{
	size_t i;

	for (i = 0; i < fixture->page_count; i++)
		if (fixture->page[i] == gpa / PAGE * PAGE)
			return true;
	return false;
}

static u8 *image_at(const struct track_vm *fixture, u64 gpa)
{
	return fixture->image + (gpa - fixture->slot.gpa);
}

/* One callback for each page (emulator_read_write()). */
static void expect(struct track_model *model, u64 gpa, const void *data,
		   size_t bytes)
{
	const u8 *from = data;

	memmove(image_at(model->fixture, gpa), data, bytes);
	while (bytes) {
		size_t now = PAGE - gpa % PAGE;
		struct secmmu_avic_write *write;

		if (now > bytes)
			now = bytes;
		if (is_tracked(model->fixture, gpa)) {
			CHECK(model->count < TRACK_EXPECTED,
			      "more than %d writes at a time", TRACK_EXPECTED);
			write = &model->write[model->count++];
			memset(write, 0, sizeof(*write));
			write->gpa = gpa;
			write->bytes = (u32)now;
			memcpy(write->data, from, now);
		}
		gpa += now;
		from += now;
		bytes -= now;
	}
}

/* A locked comparison writes what was there if it fails (em_cmpxchg()). */
static void expect_compare(struct track_model *model, const struct track_op *op)
{
	const u64 *compare = op->size == 16 ? &op->value[2] : &op->value[1];
	u8 copy[16];

	memcpy(copy, image_at(model->fixture, op->gva), op->size);
	expect(model, op->gva,
	       (op->kind == TRACK_CMPXCHG && op->count) ||
			       !memcmp(copy, compare, op->size) ?
		       (const u8 *)op->value :
		       copy,
	       op->size);
}

/* Instructions that read, change and write, even if nothing changes by it. */
static void expect_change(struct track_model *model, const struct track_op *op)
{
	u64 value = 0;

	memcpy(&value, image_at(model->fixture, op->gva), op->size);
	if (op->kind == TRACK_OR)
		value |= op->value[0];
	else if (op->kind == TRACK_XADD)
		value += op->value[0];
	else
		value |= 1ULL << op->value[0];
	expect(model, op->gva, &value, op->size);
}

static void expect_repeated(struct track_model *model,
			    const struct track_op *op)
{
	const u8 *from = (const u8 *)op->value;
	unsigned int i;

	for (i = 0; i < op->count; i++)
		expect(model, op->gva + i * op->size,
		       op->kind == TRACK_STOS ? from : from + i * op->size,
		       op->size);
}

struct track_model *track_model_new(struct track_vm *fixture)
{
	struct track_model *model = calloc(1, sizeof(*model));

	if (!model)
		fail("out of memory");
	model->fixture = fixture;
	return model;
}

void track_model_do(struct track_model *model, const struct track_op *op)
{
	/* Told of by now, most of them. */
	memmove(model->write, model->write + model->first,
		(model->count - model->first) * sizeof(*model->write));
	model->count -= model->first;
	model->first = 0;
	switch (op->kind) {
	case TRACK_OR:
	case TRACK_XADD:
	case TRACK_BTS:
		expect_change(model, op);
		break;
	case TRACK_CMPXCHG:
	case TRACK_CMPXCHG8B:
	case TRACK_CMPXCHG16B:
		expect_compare(model, op);
		break;
	case TRACK_STOS:
	case TRACK_MOVS:
		expect_repeated(model, op);
		break;
	default:
		expect(model, op->gva, op->value, op->size);
	}
}

static void write_text(const struct secmmu_avic_write *write, char *text,
		       size_t size)
{
	int length = snprintf(text, size, "%u bytes at %#llx:", write->bytes,
			      write->gpa);
	unsigned int i;

	for (i = 0; i < write->bytes && i < sizeof(write->data) &&
		    length < (int)size - 4;
	     i++)
		length += snprintf(text + length, size - (size_t)length,
				   " %02x", write->data[i]);
}

bool track_model_done(const struct track_model *model)
{
	return model->first == model->count;
}

bool track_model_is_next(const struct track_model *model,
			 const struct secmmu_avic_write *told)
{
	const struct secmmu_avic_write *next = &model->write[model->first];

	return !track_model_done(model) && told->gpa == next->gpa &&
	       told->bytes == next->bytes &&
	       !memcmp(told->data, next->data, sizeof(told->data));
}

bool track_model_pending(const struct track_model *model, u64 gpa)
{
	size_t i;

	for (i = model->first; i < model->count; i++)
		if (gpa - model->write[i].gpa < model->write[i].bytes)
			return true;
	return false;
}

void track_model_told(struct track_model *model,
		      const struct secmmu_avic_write *told)
{
	char text[2][160] = { "nothing", "nothing" };

	if (!told && track_model_done(model))
		return;
	if (told && track_model_is_next(model, told)) {
		model->first++;
		return;
	}
	if (!track_model_done(model))
		write_text(&model->write[model->first], text[0],
			   sizeof(text[0]));
	if (told)
		write_text(told, text[1], sizeof(text[1]));
	fail("the guest's next write to a tracked page is %s; and KVM tells of %s",
	     text[0], text[1]);
}

void track_begin(struct track_vm *fixture, const struct track_vm_config *config)
{
	struct backing_request request = {
		.kind = config->backing,
		.size = config->size,
		.flags = BACKING_POPULATE,
		.fd = -1,
	};
	struct vm_config vm_config = { .vcpus = config->vcpus };

	memset(fixture, 0, sizeof(*fixture));
	fixture->vm = vm_create(&vm_config);
	backing_create(&fixture->backing, &request);
	slot_add(fixture->vm, &fixture->slot, SLOT_TEST_FIRST, GPA_TEST,
		 &fixture->backing, 0);
	vm_map(fixture->vm, GPA_TEST, GPA_TEST, config->size, 1UL << 21);
	fixture->image = calloc(1, config->size);
	if (!fixture->image)
		fail("out of memory");
	avic_attach(&fixture->avic, fixture->vm,
		    config->vcpus ? config->vcpus : 1,
		    config->ring ? config->ring : TRACK_RING,
		    SECMMU_AVIC_FIXED);
}

void track_end(struct track_vm *fixture)
{
	avic_close(&fixture->avic);
	vm_destroy(fixture->vm);
	backing_destroy(&fixture->backing);
	free(fixture->image);
}

void track_page(struct track_vm *fixture, u64 offset)
{
	CHECK(fixture->page_count < TRACK_PAGES, "too many pages");
	avic_track(&fixture->avic, fixture->slot.gpa + offset);
	fixture->page[fixture->page_count++] = fixture->slot.gpa + offset;
}

void track_forget_pages(struct track_vm *fixture)
{
	fixture->page_count = 0;
}

void track_judge_nothing(const struct avic *avic)
{
	struct secmmu_avic_write told;
	char text[160];
	int ring;

	for (ring = 0; ring < (int)avic->rings; ring++) {
		if (!avic_next(avic, ring, &told))
			continue;
		write_text(&told, text, sizeof(text));
		fail("KVM tells of a write that no vCPU made to a tracked page: %s",
		     text);
	}
}

void track_judge_memory(const struct track_vm *fixture)
{
	const u8 *memory = fixture->slot.hva;
	size_t i;

	for (i = 0; i < fixture->slot.size; i++)
		CHECK(fixture->image[i] == memory[i],
		      "memory is not as the guest's writes leave it: byte %#zx of the slot is %02x and not %02x",
		      i, memory[i], fixture->image[i]);
}

static void prepare(struct track_vm *fixture, guest_function function,
		    const struct track_op *op, size_t count, u64 vectors)
{
	struct vcpu *vcpu = &fixture->vm->vcpus[0];
	struct track_list *list = track_list_of(vcpu->guest);
	size_t i;

	CHECK(count <= TRACK_OPS, "too many writes");
	list->count = count;
	memcpy(list->op, op, count * sizeof(*op));
	for (i = 0; i < count; i++)
		list->op[i].gva += fixture->slot.gpa;
	vcpu_start(vcpu, function, vectors);
}

static void do_by(struct track_vm *fixture, guest_function function,
		  const struct track_op *op, size_t count, u64 vectors)
{
	struct vcpu *vcpu = &fixture->vm->vcpus[0];
	struct track_model *model = track_model_new(fixture);
	struct secmmu_avic_write told;
	size_t i;

	prepare(fixture, function, op, count, vectors);
	for (i = 0; i < count; i++)
		track_model_do(model, &track_list_of(vcpu->guest)->op[i]);
	vcpu_run(vcpu, VCPU_DONE);
	while (avic_next(&fixture->avic, avic_ring(&fixture->avic, gettid()),
			 &told))
		track_model_told(model, &told);
	track_model_told(model, NULL);
	track_judge_memory(fixture);
	free(model);
}

void track_do(struct track_vm *fixture, const struct track_op *op, size_t count,
	      u64 vectors)
{
	do_by(fixture, track_run, op, count, vectors);
}

void track_do_nested(struct track_vm *fixture, const struct track_op *op,
		     size_t count, u64 vectors)
{
	struct vcpu *vcpu = &fixture->vm->vcpus[0];

	svm_prepare(fixture->vm, &track_nested_of(vcpu->guest)->nested);
	do_by(fixture, track_nested_run, op, count, vectors);
}

void track_store(struct track_vm *fixture, u64 offset, u64 value)
{
	struct track_op op = {
		.kind = TRACK_MOV,
		.size = 8,
		.gva = offset,
		.value = { value },
	};

	track_do(fixture, &op, 1, 0);
}

static void do_nothing(int signal)
{
	(void)signal;
}

enum vcpu_event track_try(struct track_vm *fixture, const struct track_op *op,
			  size_t count, u64 vectors)
{
	/* Again and again, as a signal before KVM_RUN is lost. */
	struct itimerval second = { { 1, 0 }, { 1, 0 } }, never = { 0 };
	struct sigaction action = { .sa_handler = do_nothing };
	enum vcpu_event event;

	if (sigaction(SIGALRM, &action, NULL) ||
	    setitimer(ITIMER_REAL, &second, NULL))
		fail("cannot set a timer: %s", errno_name(errno));
	prepare(fixture, track_run, op, count, vectors);
	fixture->vm->vcpus[0].refusal_allowed = true;
	event = vcpu_run_one_of(&fixture->vm->vcpus[0],
				1U << VCPU_DONE | 1U << VCPU_KICKED |
					1U << VCPU_REFUSED);
	setitimer(ITIMER_REAL, &never, NULL);
	return event;
}
