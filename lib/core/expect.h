/* SPDX-License-Identifier: GPL-2.0-only */
/* For tests of the harness: a body must fail with a given reason. */
#ifndef SECMMU_EXPECT_H
#define SECMMU_EXPECT_H

/**
 * expect_failure() - run a body that must call fail()
 * @body: runs in a separate process
 * @argument: for @body
 * @text: part of the expected reason
 *
 * Fails the case if @body returns or ends in another way, or if its reason does not
 * contain @text.
 */
void expect_failure(void (*body)(void *argument), void *argument,
		    const char *text);

/**
 * expect_failure_says() - expect_failure() with more than one text
 * @body: runs in a separate process
 * @argument: for @body
 * @texts: parts of the expected reason; NULL at the end
 */
void expect_failure_says(void (*body)(void *argument), void *argument,
			 const char *const *texts);

#endif
