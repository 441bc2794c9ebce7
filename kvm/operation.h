/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The operations that KVM does on a VM's page tables, and their ranges,
 * recorded by kprobe events at the kernel's functions.
 *
 * Names of functions differ between architectures, releases and modes:
 * arm64/operations.c and x86_64/operations.c have a table each.
 */
#ifndef SECMMU_OPERATION_H
#define SECMMU_OPERATION_H

#include <stdbool.h>
#include <stddef.h>

#include "core/evidence.h"
#include "kvm/vm.h"
#include "core/types.h"

/**
 * enum operation - operation on a stage 2 / NPT
 * @OPERATION_INIT: allocate the tables, when the VM is created
 * @OPERATION_DESTROY: free the tables, when the VM is destroyed
 * @OPERATION_MAP: map memory, after a fault
 * @OPERATION_RELAX: add permissions to a mapping, after a permission fault
 * @OPERATION_WRITE_PROTECT: remove write permission
 * @OPERATION_UNMAP: remove mappings
 * @OPERATION_AGE: test and clear the access flag
 * @OPERATION_MAKE_YOUNG: set the access flag, after an access-flag fault
 * @OPERATION_FLUSH: clean the CPU's caches of mapped memory
 * @OPERATION_SPLIT: replace blocks by tables of pages
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
 * @functions: its name; alternatives as in struct evidence_probe
 * @fetch: range, as words of the record: "gpa=" and "size=" in bytes, "gfn="
 *	and "pages=" or "end=" in pages. NULL: the whole VM
 */
struct operation_function {
	enum operation operation;
	const char *functions;
	const char *fetch;
};

/**
 * struct operation_table - functions of the running kernel in its mode
 * @functions: functions that do operations; an operation may have several
 * @count: their number
 * @never: functions that this mode must not call, NULL-terminated; the kernel
 *	may lack any of them
 */
struct operation_table {
	const struct operation_function *functions;
	size_t count;
	const char *const *never;
};

/**
 * arch_operations() - the table of the running kernel
 *
 * Return: the table. An operation can be recorded if it is in the table and the
 * kernel has its function.
 */
const struct operation_table *arch_operations(void);

/**
 * arch_has_operation() - does the architecture have an operation in any mode?
 * @operation: operation
 *
 * For lists of cases: does not need KVM.
 *
 * Return: false if it has not.
 */
bool arch_has_operation(enum operation operation);

/**
 * operation_is_never() - does the running mode of KVM never do an operation?
 * @operation: an operation that the architecture has
 *
 * Return: true if the table of the running kernel has no function for it.
 */
bool operation_is_never(enum operation operation);

/**
 * arch_vms_end_slowly() - does closing a VM take seconds in an emulator?
 *
 * Return: true on arm64 if the hypervisor owns the tables: every VM has the
 * machine's whole address space, and closing it visits each GiB
 * (stage2_destroy_range()).
 */
bool arch_vms_end_slowly(void);

/**
 * arch_maps_executable() - does a read fault map a page executable?
 *
 * Return: false if the first fetch from a page is another fault.
 */
bool arch_maps_executable(void);

/**
 * arch_notes_accesses() - does the CPU set access flags in a stage 2 by itself?
 * @vm: VM
 *
 * Return: false if each access to an aged page is a fault.
 */
bool arch_notes_accesses(struct vm *vm);

/**
 * arch_split_early() - choose whether enabling logging splits huge mappings
 * @wanted: whether it does from now on, on the whole machine
 *
 * x86: kvm.eager_page_split. arm64 splits only for VMs that request it.
 *
 * Return: the previous choice; false where there is none.
 */
bool arch_split_early(bool wanted);

/**
 * struct operation_call - a recorded call
 * @operation: the operation
 * @gpa: start of the range, bytes
 * @size: bytes; 0: the call does not say. The whole VM: 0 and U64_MAX
 */
struct operation_call {
	enum operation operation;
	u64 gpa;
	u64 size;
};

/**
 * struct operation_watch - a record of operations
 * @trace: the kernel's trace
 * @calls: collected calls
 * @count: number of @calls
 * @room: allocated @calls
 * @forbidden: calls of functions that must not be called
 * @forbidden_name: one of these functions
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
 * operation_name() - name of an operation
 * @operation: operation
 *
 * Return: the name, as in case names.
 */
const char *operation_name(enum operation operation);

/**
 * operations_watch() - start a record
 * @watch: filled in
 * @operations: operations to record, as bits (1 << OPERATION_MAP)
 *
 * Skips the case if this kernel has no function for one of them. Functions that
 * must not be called are always watched.
 */
void operations_watch(struct operation_watch *watch, unsigned int operations);

/**
 * operations_forget() - drop the record and start again
 * @watch: started
 *
 * Fails the case if a function was called that must not be called in this mode.
 */
void operations_forget(struct operation_watch *watch);

/**
 * operations_collect() - append new calls to the record
 * @watch: recording
 *
 * Fails the case if the trace lost records, or if a function was called that
 * must not be called in this mode.
 */
void operations_collect(struct operation_watch *watch);

/**
 * operations_count() - count calls of an operation for a range
 * @watch: collected
 * @operation: operation
 * @gpa: guest physical address, bytes
 * @size: bytes
 *
 * Return: number of calls that overlap the range.
 */
size_t operations_count(const struct operation_watch *watch,
			enum operation operation, u64 gpa, u64 size);

/* Return value of operations_size() if sizes differ. */
#define OPERATION_SIZES_DIFFER (U64_MAX - 1)

/**
 * operations_size() - mapping size that calls report
 * @watch: collected
 * @operation: operation
 * @gpa: guest physical address, bytes
 * @size: bytes
 *
 * Return: bytes, if all calls that overlap the range report one size;
 * %OPERATION_SIZES_DIFFER if they differ, 0 if none reports a size.
 */
u64 operations_size(const struct operation_watch *watch,
		    enum operation operation, u64 gpa, u64 size);

/**
 * operations_last() - the last operation on an address
 * @watch: collected
 * @gpa: guest physical address, bytes
 *
 * Return: the operation; %OPERATIONS if none.
 */
enum operation operations_last(const struct operation_watch *watch, u64 gpa);

/**
 * operations_end() - stop the record
 * @watch: started, or zeroed
 *
 * Checks once more for functions that must not be called: call it after the VM
 * is destroyed.
 */
void operations_end(struct operation_watch *watch);

#endif
