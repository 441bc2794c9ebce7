/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which operations KVM did on a VM's page tables, and where: evidence from
 * kprobe events at the kernel's own functions.
 *
 * What the functions are called differs between architectures, releases and
 * modes; arm64/operations.c and x86_64/operations.c have one table each.
 */
#ifndef SECMMU_OPERATION_H
#define SECMMU_OPERATION_H

#include <stdbool.h>
#include <stddef.h>

#include "core/evidence.h"
#include "kvm/vm.h"
#include "core/types.h"

/**
 * enum operation - what can be done to a stage 2 / NPT
 * @OPERATION_INIT: begin one, with the VM
 * @OPERATION_DESTROY: free one, with the VM
 * @OPERATION_MAP: map memory after a fault
 * @OPERATION_RELAX: allow more of what is mapped, after a permission fault
 * @OPERATION_WRITE_PROTECT: take the permission to write away
 * @OPERATION_UNMAP: take mappings away
 * @OPERATION_AGE: was it accessed; and forget that
 * @OPERATION_MAKE_YOUNG: note an access, after an access-flag fault
 * @OPERATION_FLUSH: clean the CPU's caches of what is mapped
 * @OPERATION_SPLIT: turn blocks into pages
 * @OPERATION_FREE_UNLINKED: free a table that a block has replaced
 * @OPERATIONS: number of operations
 */
enum operation {
	OPERATION_INIT,
	OPERATION_DESTROY,
	OPERATION_MAP,
	OPERATION_RELAX,
	OPERATION_WRITE_PROTECT,
	OPERATION_UNMAP,
	OPERATION_AGE,
	OPERATION_MAKE_YOUNG,
	OPERATION_FLUSH,
	OPERATION_SPLIT,
	OPERATION_FREE_UNLINKED,
	OPERATIONS,
};

/**
 * struct operation_function - a kernel function that does an operation
 * @operation: the operation
 * @functions: its name; alternatives as struct evidence_probe has them
 * @fetch: where, as words of the record: "gpa=" and "size=" in bytes, "gfn="
 *	and "pages=" or "end=" in pages. NULL: the whole VM
 */
struct operation_function {
	enum operation operation;
	const char *functions;
	const char *fetch;
};

/**
 * struct operation_table - the functions of this machine, as it runs now
 * @functions: those that do operations; an operation may have several
 * @count: their number
 * @never: functions that must not be called in this mode, NULL at the end; the
 *	kernel may have none of them
 */
struct operation_table {
	const struct operation_function *functions;
	size_t count;
	const char *const *never;
};

/**
 * arch_operations() - the table of the running kernel
 *
 * Return: the table. What it has is what can be watched for; a function of it
 * may still be missing.
 */
const struct operation_table *arch_operations(void);

/**
 * arch_has_operation() - can it happen on machines like this one
 * @operation: operation
 *
 * Touches nothing, for lists of cases.
 *
 * Return: false if the architecture has no such operation in any mode.
 */
bool arch_has_operation(enum operation operation);

/**
 * operation_is_never() - is it something that this mode never does
 * @operation: an operation that the architecture has
 *
 * Return: true if the table of the running kernel has no function for it.
 */
bool operation_is_never(enum operation operation);

/**
 * arch_vms_end_slowly() - does it take seconds to close a VM in an emulator
 *
 * Return: true on arm64 where the hypervisor has the tables: every VM has all the
 * addresses that the machine has, and each GiB is looked at when it ends
 * (stage2_destroy_range()).
 */
bool arch_vms_end_slowly(void);

/**
 * arch_maps_executable() - is what a guest maps by a read executable as well
 *
 * Return: false if the first fetch from a page costs another fault.
 */
bool arch_maps_executable(void);

/**
 * arch_notes_accesses() - does the CPU itself note accesses in stage 2
 * @vm: VM
 *
 * Return: false if each access to what was aged is a fault.
 */
bool arch_notes_accesses(struct vm *vm);

/**
 * arch_split_early() - are huge mappings split as soon as logging begins
 * @wanted: whether they are from now on, on the whole machine
 *
 * x86: kvm.eager_page_split. arm64 splits for VMs that ask for it only.
 *
 * Return: how that was; false where nothing can be chosen.
 */
bool arch_split_early(bool wanted);

/**
 * struct operation_call - one operation that was done
 * @operation: the operation
 * @gpa: where, bytes
 * @size: bytes; 0: the call does not tell. The whole VM: 0 and U64_MAX
 */
struct operation_call {
	enum operation operation;
	u64 gpa;
	u64 size;
};

/**
 * struct operation_watch - a record of operations
 * @trace: what the kernel is asked by
 * @calls: what was collected
 * @count: number of @calls
 * @room: that fit
 * @forbidden: calls of functions that must not be called
 * @forbidden_name: one of them
 */
struct operation_watch {
	struct evidence_trace *trace;
	struct operation_call *calls;
	size_t count;
	size_t room;
	size_t forbidden;
	const char *forbidden_name;
};

/**
 * operation_name() - an operation in a word
 * @operation: operation
 *
 * Return: its name, as cases use it.
 */
const char *operation_name(enum operation operation);

/**
 * operations_watch() - begin to record
 * @watch: filled in
 * @operations: which, as bits (1 << OPERATION_MAP)
 *
 * Skips the test case if this kernel has no function for one of them. Functions
 * that must not be called are always watched.
 */
void operations_watch(struct operation_watch *watch, unsigned int operations);

/**
 * operations_forget() - begin anew
 * @watch: recording
 *
 * Fails the test if a function was called that must not be called in this mode.
 */
void operations_forget(struct operation_watch *watch);

/**
 * operations_collect() - what was recorded, behind what was collected before
 * @watch: recording
 *
 * Fails the test if records were lost, or if a function was called that must
 * not be called in this mode.
 */
void operations_collect(struct operation_watch *watch);

/**
 * operations_count() - how often an operation was done to memory
 * @watch: collected
 * @operation: operation
 * @gpa: guest physical address, bytes
 * @size: bytes
 *
 * Return: number of calls that concern any of it.
 */
size_t operations_count(const struct operation_watch *watch,
			enum operation operation, u64 gpa, u64 size);

/* Of operations_size(): no size that there is. */
#define OPERATION_SIZES_DIFFER (U64_MAX - 1)

/**
 * operations_size() - the size that calls have
 * @watch: collected
 * @operation: operation
 * @gpa: guest physical address, bytes
 * @size: bytes
 *
 * Return: bytes, if all calls that concern any of it tell the same size;
 * %OPERATION_SIZES_DIFFER if they do not, 0 if they tell none.
 */
u64 operations_size(const struct operation_watch *watch,
		    enum operation operation, u64 gpa, u64 size);

/**
 * operations_last() - the last thing that was done to a place
 * @watch: collected
 * @gpa: guest physical address, bytes
 *
 * Return: the operation; OPERATIONS if none.
 */
enum operation operations_last(const struct operation_watch *watch, u64 gpa);

/**
 * operations_end() - record no more
 * @watch: watched, or zeroed
 *
 * Looks once more for what must not be called: to be called when the VM is gone.
 */
void operations_end(struct operation_watch *watch);

#endif
