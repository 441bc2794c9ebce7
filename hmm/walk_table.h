/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What hmm_range_fault() has to say of each place, for each kind of request.
 */
#ifndef SECMMU_WALK_TABLE_H
#define SECMMU_WALK_TABLE_H

#include <stddef.h>

/**
 * enum walk_request - what is asked for
 * @WALK_SNAPSHOT: nothing: default_flags and pfn_flags_mask are 0, and what
 *	stands in the entries does not count
 * @WALK_FAULT: all pages: HMM_PFN_REQ_FAULT by default_flags; the entries do not
 *	count
 * @WALK_WRITE: all pages, to be written: HMM_PFN_REQ_WRITE, too
 * @WALK_MASKED: each page what its entry says: nothing, fault, fault for writing,
 *	write without fault (which asks for nothing), and so on
 * @WALK_MIXED: the same on top of default_flags of HMM_PFN_REQ_FAULT
 * @WALK_REQUESTS: number of kinds
 */
enum walk_request {
	WALK_SNAPSHOT,
	WALK_FAULT,
	WALK_WRITE,
	WALK_MASKED,
	WALK_MIXED,
	WALK_REQUESTS,
};

/**
 * struct walk_row - the outcomes for one place
 * @state: its name
 * @cell: by enum walk_request: the error's name; or a letter for each page, again
 *	and again if there are more pages; NULL: that is not tried
 *	.  nothing: a later request could succeed
 *	,  the same, with a huge page's order
 *	r  valid, order 0            R  the same with a huge page's order
 *	w  valid, writable, order 0  W  the same with a huge page's order
 *	d  as w, in memory of the device    D  the same with a huge page's order
 *	p  as r, in memory of the device    P  the same with a huge page's order
 *	!  HMM_PFN_ERROR
 * @rule: where the kernel says so
 * @since: first release that it is true for (NEEDS_KERNEL()); 0: all
 * @until: first release that it is not true for any more; 0: all
 */
struct walk_row {
	const char *state;
	const char *cell[WALK_REQUESTS];
	const char *rule;
	unsigned int since, until;
};

extern const struct walk_row walk_rows[];
extern const size_t walk_row_count;

/**
 * walk_request_name() - a kind of request by name
 * @request: the kind
 *
 * Return: "snapshot" and so on.
 */
const char *walk_request_name(enum walk_request request);

#endif /* SECMMU_WALK_TABLE_H */
