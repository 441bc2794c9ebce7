/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel says about itself: KVM's binary statistics, trace events and
 * traced functions, and the kernel log.
 */
#ifndef SECMMU_EVIDENCE_H
#define SECMMU_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/report.h"
#include "core/types.h"

struct evidence_stats;
struct evidence_trace;

/**
 * evidence_stats_open() - the statistics of a VM or a vCPU
 * @fd: the VM's or the vCPU's file
 *
 * Return: to be closed by evidence_stats_close(); NULL with errno set if the
 * kernel gives none (KVM_GET_STATS_FD came with Linux 5.14).
 */
struct evidence_stats *evidence_stats_open(int fd);

/**
 * evidence_stats_parse() - statistics from any file in KVM's format
 * @fd: as KVM_GET_STATS_FD returns it; closed by evidence_stats_close()
 *
 * Return: as evidence_stats_open(); NULL with EPROTO if the file is not in the
 * format of "4.134 KVM_GET_STATS_FD" in Documentation/virt/kvm/api.rst.
 */
struct evidence_stats *evidence_stats_parse(int fd);

/**
 * evidence_stat() - one statistic's value now
 * @stats: opened by evidence_stats_open()
 * @name: such as "pages_2m" or "exits"
 * @value: the value (of a histogram: the sum of its buckets)
 *
 * Return: whether this kernel has a statistic of that name.
 */
bool evidence_stat(struct evidence_stats *stats, const char *name, u64 *value);

/**
 * evidence_stats_print() - print all statistics that are not zero
 * @stats: opened by evidence_stats_open()
 * @prefix: printed before each name
 */
void evidence_stats_print(struct evidence_stats *stats, const char *prefix);

/**
 * evidence_stats_close() - done with it
 * @stats: opened by evidence_stats_open(), or NULL
 */
void evidence_stats_close(struct evidence_stats *stats);

/**
 * evidence_vm_count() - how many VMs a process has created that still exist
 * @pid: the process, which may be gone
 * @count: filled in
 * @shortage: what is missing, if that cannot be told; may be NULL
 *
 * A VM exists until the last file of it and of its vCPUs is closed, in whatever
 * process, and nothing of them is mapped (kvm_destroy_vm()).
 *
 * Return: whether it can be told.
 */
bool evidence_vm_count(int pid, unsigned int *count, struct shortage *shortage);

/**
 * evidence_node_tables() - what a NUMA node has of secondary MMUs' page tables
 * @node: counted among the nodes with memory, below nodes_count()
 * @bytes: filled in, exact if nobody maps or unmaps meanwhile
 * @shortage: what is missing, if that cannot be told; may be NULL
 *
 * SecPageTables of the node's meminfo: KVM counts what it links
 * (kvm_account_pgtable_pages()), but for what a hypervisor of its own has.
 *
 * Return: whether it can be told.
 */
bool evidence_node_tables(unsigned int node, u64 *bytes,
			  struct shortage *shortage);

/**
 * struct evidence_probe - an event made for one trace, at a kernel function
 * @event: its name in the trace, a word of C
 * @functions: the function; with ',' between several, the first of them that
 *	this kernel has and can probe
 * @fetch: what a record says behind the place, in the language of
 *	Documentation/trace/kprobetrace.rst, as "gpa=$arg2:x64"; NULL: nothing
 * @at_return: at the function's return, where $retval is known, and not at
 *	its call
 * @optional: do without it if the kernel has none of @functions; see
 *	evidence_trace_probed()
 */
struct evidence_probe {
	const char *event;
	const char *functions;
	const char *fetch;
	bool at_return;
	bool optional;
};

/**
 * struct evidence_trace_request - what to trace
 * @events: names such as "kvm/kvm_mmu_set_spte", NULL at the end; may be NULL
 * @functions: functions to trace the calls of, NULL at the end; may be NULL
 * @probes: events to make for it, one without @event at the end; may be NULL.
 *	Unlike @functions they tell arguments, and cost nothing where the kernel
 *	has many functions
 * @buffer_kib: buffer per CPU in KiB; 0: 1024
 * @this_thread: of @events only those that happen in the calling thread
 */
struct evidence_trace_request {
	const char *const *events;
	const char *const *functions;
	const struct evidence_probe *probes;
	unsigned int buffer_kib;
	bool this_thread;
};

/**
 * evidence_trace_start() - begin to trace
 * @request: what to trace
 * @shortage: what is missing, if this cannot be traced; may be NULL
 *
 * In a tracing instance of its own (tracefs/instances), so nothing of the
 * machine's own tracing changes. It is removed at evidence_trace_close(); if
 * the case dies before that, cases.c has evidence_cleanup() do it.
 *
 * Return: the trace; NULL if something is missing.
 */
struct evidence_trace *
evidence_trace_start(const struct evidence_trace_request *request,
		     struct shortage *shortage);

/**
 * evidence_trace_probed() - was an optional probe made
 * @trace: started by evidence_trace_start()
 * @event: one of its request's probes
 *
 * Return: whether this kernel has the function.
 */
bool evidence_trace_probed(const struct evidence_trace *trace,
			   const char *event);

/**
 * evidence_trace_stop() - stop recording; what was recorded stays
 * @trace: started by evidence_trace_start()
 */
void evidence_trace_stop(struct evidence_trace *trace);

/**
 * evidence_trace_each() - go through what was recorded
 * @trace: stopped by evidence_trace_stop()
 * @line: called for every line that is not a comment: the event's or, for a
 *	traced function, the function's name; the text behind it; returning
 *	false ends it
 * @context: for @line
 *
 * Return: number of lines that @line got.
 */
size_t evidence_trace_each(struct evidence_trace *trace,
			   bool (*line)(const char *name, const char *text,
					void *context),
			   void *context);

/**
 * evidence_trace_take() - go through what was recorded, and forget it
 * @trace: started by evidence_trace_start(), may be recording
 * @line: as evidence_trace_each() has it; NULL: only forget
 * @context: for @line
 *
 * What happens meanwhile in other threads may or may not be among it. Cheaper
 * than a new instance, and than emptying one (which waits for an RCU grace
 * period, ring_buffer_reset_online_cpus()).
 *
 * Return: number of lines that @line got.
 */
size_t evidence_trace_take(struct evidence_trace *trace,
			   bool (*line)(const char *name, const char *text,
					void *context),
			   void *context);

/**
 * evidence_trace_count() - how often an event or function was recorded
 * @trace: stopped by evidence_trace_stop()
 * @name: the event's name without its group, or the function's
 *
 * Return: number of records.
 */
size_t evidence_trace_count(struct evidence_trace *trace, const char *name);

/**
 * evidence_trace_lost() - how many records the buffer had no room for
 * @trace: stopped by evidence_trace_stop()
 *
 * A count of records is exact only if this is 0.
 *
 * Return: number of records lost.
 */
u64 evidence_trace_lost(struct evidence_trace *trace);

/**
 * evidence_trace_close() - remove the instance
 * @trace: started by evidence_trace_start(), or NULL
 */
void evidence_trace_close(struct evidence_trace *trace);

/**
 * evidence_cleanup() - remove tracing instances and probes of a dead process
 * @pid: the process
 */
void evidence_cleanup(int pid);

/**
 * struct evidence_kmsg - a place in the kernel log
 * @fd: /dev/kmsg, positioned behind the marker, or -1
 */
struct evidence_kmsg {
	int fd;
};

/**
 * evidence_kmsg_marker() - write a line to the kernel log and remember where
 * @kmsg: to be filled
 * @text: the line; printed behind "secmmu: "
 * @shortage: what is missing, if this cannot be done; may be NULL
 *
 * Return: whether it could be done.
 */
bool evidence_kmsg_marker(struct evidence_kmsg *kmsg, const char *text,
			  struct shortage *shortage);

/**
 * evidence_kmsg_since() - go through the kernel log behind the marker
 * @kmsg: filled by evidence_kmsg_marker(); moves on, so the next call begins
 *	behind what this one saw
 * @line: called with the level (0 emergency to 7 debug) and the text of each
 *	record; returning false ends it
 * @context: for @line
 *
 * Return: number of records that @line got; records that the kernel had to
 * drop are reported as one of level 4, "secmmu: records lost".
 */
size_t evidence_kmsg_since(struct evidence_kmsg *kmsg,
			   bool (*line)(unsigned int level, const char *text,
					void *context),
			   void *context);

/**
 * evidence_kmsg_close() - done with it
 * @kmsg: filled by evidence_kmsg_marker()
 */
void evidence_kmsg_close(struct evidence_kmsg *kmsg);

#endif /* SECMMU_EVIDENCE_H */
