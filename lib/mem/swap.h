/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Swap space.
 */
#ifndef SECMMU_SWAP_H
#define SECMMU_SWAP_H

/**
 * swap_need() - make sure that swap space exists, or skip the case
 *
 * A machine without swap gets a zram device if it is a target (SECMMU_DESTRUCTIVE is
 * set); the device exists until the machine is shut down.
 */
void swap_need(void);

#endif /* SECMMU_SWAP_H */
