/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Swap space.
 */
#ifndef SECMMU_SWAP_H
#define SECMMU_SWAP_H

/**
 * swap_need() - have swap space, or skip the case
 *
 * The machine's own, if it has some; in a target (SECMMU_DESTRUCTIVE is set), a
 * zram device that stays until the machine ends.
 */
void swap_need(void);

#endif /* SECMMU_SWAP_H */
