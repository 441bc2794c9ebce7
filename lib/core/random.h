/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random streams, all derived from the seed that a program prints.
 *
 * The generator is xoshiro256** (Blackman and Vigna), its state filled by
 * splitmix64. Header only, no libc: guest code uses it too.
 */
#ifndef SECMMU_RANDOM_H
#define SECMMU_RANDOM_H

#include <stdbool.h>

#include "core/types.h"

/**
 * struct random_stream - an independent stream of random numbers
 * @state: the generator's state, never all zero
 *
 * Not locked: one thread (or vCPU) per stream.
 */
struct random_stream {
	u64 state[4];
};

static inline u64 random_splitmix(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/**
 * random_init() - initialise a stream
 * @stream: filled in
 * @seed: the program's seed
 * @number: of the stream, for example from random_number(). Two numbers give unrelated
 *	streams
 */
static inline void random_init(struct random_stream *stream, u64 seed,
			       u64 number)
{
	u64 mix = seed;
	unsigned int i;

	/*
	 * Only the seed is mixed before the XOR; otherwise stream 2 of seed 1
	 * would equal stream 1 of seed 2.
	 */
	mix = random_splitmix(&mix) ^ number;
	for (i = 0; i < 4; i++)
		stream->state[i] = random_splitmix(&mix);
	if (!(stream->state[0] | stream->state[1] | stream->state[2] |
	      stream->state[3]))
		stream->state[0] = 1;
}

/**
 * random_number() - the number of a stream, from a name
 * @name: any text, such as the name of a case or a thread
 * @index: distinguishes streams of one name
 *
 * So a case that is replayed alone draws the same numbers as it did among others.
 *
 * Return: the number to give to random_init().
 */
static inline u64 random_number(const char *name, u64 index)
{
	u64 hash = 0xcbf29ce484222325ULL; /* FNV-1a */

	while (*name) {
		hash ^= (unsigned char)*name++;
		hash *= 0x100000001b3ULL;
	}
	hash ^= random_splitmix(&index);
	return random_splitmix(&hash);
}

static inline u64 random_rotate(u64 value, unsigned int bits)
{
	return (value << bits) | (value >> (64 - bits));
}

/**
 * random_u64() - the next number
 * @stream: initialised by random_init()
 *
 * Return: 64 random bits.
 */
static inline u64 random_u64(struct random_stream *stream)
{
	u64 *s = stream->state;
	u64 result = random_rotate(s[1] * 5, 7) * 9;
	u64 shifted = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= shifted;
	s[3] = random_rotate(s[3], 45);
	return result;
}

/**
 * random_below() - a number below a bound
 * @stream: initialised by random_init()
 * @bound: the bound; 0 gives 0
 *
 * Without bias, and by one multiplication in nearly all calls (Lemire).
 *
 * Return: 0 to @bound - 1, with equal probability.
 */
static inline u64 random_below(struct random_stream *stream, u64 bound)
{
	unsigned __int128 product;
	u64 low;

	if (!bound)
		return 0;
	product = (unsigned __int128)random_u64(stream) * bound;
	low = (u64)product;
	if (low < bound) {
		u64 threshold = -bound % bound;

		while (low < threshold) {
			product = (unsigned __int128)random_u64(stream) * bound;
			low = (u64)product;
		}
	}
	return (u64)(product >> 64);
}

/**
 * random_between() - a number of a closed range
 * @stream: initialised by random_init()
 * @first: the smallest result
 * @last: the largest result, not below @first
 *
 * Return: @first to @last, with equal probability.
 */
static inline u64 random_between(struct random_stream *stream, u64 first,
				 u64 last)
{
	u64 count = last - first + 1;

	/* 0: all 2^64 numbers. */
	return count ? first + random_below(stream, count) : random_u64(stream);
}

/**
 * random_chance() - true with a given probability
 * @stream: initialised by random_init()
 * @numerator: of the probability
 * @denominator: of the probability, above 0
 *
 * Return: true with the probability @numerator / @denominator.
 */
static inline bool random_chance(struct random_stream *stream, u64 numerator,
				 u64 denominator)
{
	return random_below(stream, denominator) < numerator;
}

#endif /* SECMMU_RANDOM_H */
