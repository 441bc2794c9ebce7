/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bitmaps, in the form of KVM's dirty bitmap: page N of a slot is bit N % 64
 * of the little endian 64-bit word N / 64 (Documentation/virt/kvm/api.rst,
 * KVM_GET_DIRTY_LOG). Both architectures of the suite are little endian and
 * 64 bit, so an array of unsigned long is that bitmap.
 *
 * KVM copies whole words (kvm_dirty_bitmap_bytes() rounds up to
 * BITS_PER_LONG), so every bitmap here is whole words, too. Bits beyond the
 * size given are kept clear by these functions, and never counted or found.
 *
 * Nothing here is atomic; one thread per bitmap, or a lock of the caller's.
 */
#ifndef SECMMU_BITMAP_H
#define SECMMU_BITMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/types.h"

#define BITMAP_WORD_BITS 64UL

_Static_assert(sizeof(unsigned long) == 8, "secmmu is for 64-bit machines");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "secmmu is for little endian machines");

/**
 * bitmap_words() - how many words hold so many bits
 * @bits: number of bits
 *
 * Return: words of 64 bits, rounded up.
 */
static inline size_t bitmap_words(size_t bits)
{
	return (bits + BITMAP_WORD_BITS - 1) / BITMAP_WORD_BITS;
}

/**
 * bitmap_bytes() - how many bytes KVM reads or writes for so many pages
 * @bits: number of bits
 *
 * Return: bytes, a multiple of 8.
 */
static inline size_t bitmap_bytes(size_t bits)
{
	return bitmap_words(bits) * sizeof(unsigned long);
}

/* The bits of the last word that belong to the bitmap. */
static inline unsigned long bitmap_last_mask(size_t bits)
{
	return bits % BITMAP_WORD_BITS ?
		       (1UL << (bits % BITMAP_WORD_BITS)) - 1 :
		       ~0UL;
}

/**
 * bitmap_new() - allocate a bitmap with no bit set
 * @bits: number of bits, at least 1
 *
 * Return: the bitmap, to be freed by free(). Memory that has run out ends the
 * program by abort(): a harness without memory has nothing to say about the
 * kernel.
 */
static inline unsigned long *bitmap_new(size_t bits)
{
	unsigned long *map = calloc(bitmap_words(bits ? bits : 1),
				    sizeof(*map));

	if (!map)
		abort();
	return map;
}

/**
 * bitmap_set() - set one bit
 * @map: the bitmap
 * @bit: the bit
 */
static inline void bitmap_set(unsigned long *map, size_t bit)
{
	map[bit / BITMAP_WORD_BITS] |= 1UL << (bit % BITMAP_WORD_BITS);
}

/**
 * bitmap_clear() - clear one bit
 * @map: the bitmap
 * @bit: the bit
 */
static inline void bitmap_clear(unsigned long *map, size_t bit)
{
	map[bit / BITMAP_WORD_BITS] &= ~(1UL << (bit % BITMAP_WORD_BITS));
}

/**
 * bitmap_test() - look at one bit
 * @map: the bitmap
 * @bit: the bit
 *
 * Return: whether it is set.
 */
static inline bool bitmap_test(const unsigned long *map, size_t bit)
{
	return map[bit / BITMAP_WORD_BITS] >> (bit % BITMAP_WORD_BITS) & 1;
}

/**
 * bitmap_zero() - clear all bits
 * @map: the bitmap
 * @bits: its size in bits
 */
static inline void bitmap_zero(unsigned long *map, size_t bits)
{
	memset(map, 0, bitmap_bytes(bits));
}

/**
 * bitmap_fill() - set all bits
 * @map: the bitmap
 * @bits: its size in bits; the rest of the last word stays clear
 */
static inline void bitmap_fill(unsigned long *map, size_t bits)
{
	if (!bits)
		return;
	memset(map, 0xff, bitmap_bytes(bits));
	map[bitmap_words(bits) - 1] = bitmap_last_mask(bits);
}

/**
 * bitmap_copy() - copy a bitmap
 * @to: the copy
 * @from: the original
 * @bits: size of both in bits
 */
static inline void bitmap_copy(unsigned long *to, const unsigned long *from,
			       size_t bits)
{
	memcpy(to, from, bitmap_bytes(bits));
}

/**
 * bitmap_or() - add the bits of another bitmap
 * @to: gets the bits of both
 * @from: the other
 * @bits: size of both in bits
 */
static inline void bitmap_or(unsigned long *to, const unsigned long *from,
			     size_t bits)
{
	size_t word;

	for (word = 0; word < bitmap_words(bits); word++)
		to[word] |= from[word];
}

/**
 * bitmap_and() - keep the bits that another bitmap has, too
 * @to: keeps the bits that are in both
 * @from: the other
 * @bits: size of both in bits
 */
static inline void bitmap_and(unsigned long *to, const unsigned long *from,
			      size_t bits)
{
	size_t word;

	for (word = 0; word < bitmap_words(bits); word++)
		to[word] &= from[word];
}

/**
 * bitmap_andnot() - take the bits of another bitmap away
 * @to: loses the bits that @from has
 * @from: the other
 * @bits: size of both in bits
 */
static inline void bitmap_andnot(unsigned long *to, const unsigned long *from,
				 size_t bits)
{
	size_t word;

	for (word = 0; word < bitmap_words(bits); word++)
		to[word] &= ~from[word];
}

/**
 * bitmap_count() - how many bits are set
 * @map: the bitmap
 * @bits: its size in bits
 *
 * Return: number of set bits.
 */
static inline size_t bitmap_count(const unsigned long *map, size_t bits)
{
	size_t full = bits / BITMAP_WORD_BITS, word, count = 0;

	for (word = 0; word < full; word++)
		count += (size_t)__builtin_popcountl(map[word]);
	if (bits % BITMAP_WORD_BITS)
		count += (size_t)__builtin_popcountl(map[full] &
						     bitmap_last_mask(bits));
	return count;
}

/* Shared by the two below: @invert is ~0 to look for a clear bit. */
static inline size_t bitmap_find(const unsigned long *map, size_t bits,
				 size_t from, unsigned long invert)
{
	size_t word = from / BITMAP_WORD_BITS;
	unsigned long value;

	if (from >= bits)
		return bits;
	value = (map[word] ^ invert) & (~0UL << (from % BITMAP_WORD_BITS));
	while (!value) {
		if (++word >= bitmap_words(bits))
			return bits;
		value = map[word] ^ invert;
	}
	from = word * BITMAP_WORD_BITS + (size_t)__builtin_ctzl(value);
	return from < bits ? from : bits;
}

/**
 * bitmap_next() - find a set bit
 * @map: the bitmap
 * @bits: its size in bits
 * @from: the first bit to look at
 *
 * Return: the first set bit from @from on, or @bits if there is none. So
 * ``for (p = bitmap_next(m, n, 0); p < n; p = bitmap_next(m, n, p + 1))``
 * visits all of them.
 */
static inline size_t bitmap_next(const unsigned long *map, size_t bits,
				 size_t from)
{
	return bitmap_find(map, bits, from, 0);
}

/**
 * bitmap_next_zero() - find a clear bit
 * @map: the bitmap
 * @bits: its size in bits
 * @from: the first bit to look at
 *
 * Return: the first clear bit from @from on, or @bits if there is none.
 */
static inline size_t bitmap_next_zero(const unsigned long *map, size_t bits,
				      size_t from)
{
	return bitmap_find(map, bits, from, ~0UL);
}

/* Shared by the two below. */
static inline void bitmap_write_range(unsigned long *map, size_t from,
				      size_t count, bool set)
{
	while (count) {
		size_t shift = from % BITMAP_WORD_BITS;
		size_t part = BITMAP_WORD_BITS - shift;
		unsigned long mask;

		if (part > count)
			part = count;
		mask = (part == BITMAP_WORD_BITS ? ~0UL : (1UL << part) - 1)
		       << shift;
		if (set)
			map[from / BITMAP_WORD_BITS] |= mask;
		else
			map[from / BITMAP_WORD_BITS] &= ~mask;
		from += part;
		count -= part;
	}
}

/**
 * bitmap_set_range() - set bits in a row
 * @map: the bitmap
 * @from: the first of them
 * @count: how many; the caller keeps them inside the bitmap
 */
static inline void bitmap_set_range(unsigned long *map, size_t from,
				    size_t count)
{
	bitmap_write_range(map, from, count, true);
}

/**
 * bitmap_clear_range() - clear bits in a row
 * @map: the bitmap
 * @from: the first of them
 * @count: how many; the caller keeps them inside the bitmap
 */
static inline void bitmap_clear_range(unsigned long *map, size_t from,
				      size_t count)
{
	bitmap_write_range(map, from, count, false);
}

/**
 * bitmap_equal() - compare two bitmaps
 * @a: one
 * @b: the other
 * @bits: size of both in bits
 *
 * Return: whether the same bits are set; what is beyond @bits does not count.
 */
static inline bool bitmap_equal(const unsigned long *a, const unsigned long *b,
				size_t bits)
{
	size_t full = bits / BITMAP_WORD_BITS;

	if (memcmp(a, b, full * sizeof(*a)))
		return false;
	return !(bits % BITMAP_WORD_BITS) ||
	       !((a[full] ^ b[full]) & bitmap_last_mask(bits));
}

/**
 * bitmap_empty() - is no bit set?
 * @map: the bitmap
 * @bits: its size in bits
 *
 * Return: true if none of the @bits bits is set.
 */
static inline bool bitmap_empty(const unsigned long *map, size_t bits)
{
	return bitmap_next(map, bits, 0) == bits;
}

#endif /* SECMMU_BITMAP_H */
