/* SPDX-License-Identifier: GPL-2.0-only */
/* For tests of the harness itself: something must fail, and say why. */
#ifndef SECMMU_EXPECT_H
#define SECMMU_EXPECT_H

/**
 * expect_failure() - run something that must end its case by fail()
 * @body: runs in a process of its own
 * @argument: for @body
 * @text: must be part of the one-line reason
 *
 * Fails the case if @body returns, ends in another way, or gives a reason
 * without @text.
 */
void expect_failure(void (*body)(void *argument), void *argument,
		    const char *text);

/**
 * expect_failure_says() - as expect_failure(), with more than one text
 * @body: code under test
 * @argument: for @body
 * @texts: what the failure's reason must contain, all of it; NULL at the end
 */
void expect_failure_says(void (*body)(void *argument), void *argument,
			 const char *const *texts);

#endif
