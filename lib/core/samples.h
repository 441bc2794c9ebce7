/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What benchmarks measure: samples of one thing, and series of them against a
 * size, told as lines "json: {...}" of the results (runner/report draws them).
 *
 * Of several samples the median counts, since whatever else the machine does
 * makes single ones too long. The spread is the median distance from it, scaled
 * so that it is a normal distribution's standard deviation (as in
 * runner/compare.awk).
 */
#ifndef SECMMU_SAMPLES_H
#define SECMMU_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>

#define SAMPLES_WORDS_MAX 256
#define SERIES_POINTS_MAX 16

/**
 * struct samples - repeats of one measurement; all zero: none yet
 * @value: the samples, in any unit
 * @count: how many there are
 * @room: how many fit
 */
struct samples {
	double *value;
	size_t count;
	size_t room;
};

/**
 * struct samples_summary - what samples say
 * @least: the smallest
 * @median: the one in the middle
 * @most: the largest
 * @spread: how far apart they are
 */
struct samples_summary {
	double least;
	double median;
	double most;
	double spread;
};

/**
 * samples_add() - one more
 * @samples: samples
 * @value: in the same unit as the others
 */
void samples_add(struct samples *samples, double value);

/**
 * samples_free() - forget them
 * @samples: samples; none afterwards
 */
void samples_free(struct samples *samples);

/**
 * samples_summarise() - what they say
 * @samples: one at least; sorted on return
 *
 * Return: the summary.
 */
struct samples_summary samples_summarise(struct samples *samples);

/**
 * samples_tell() - a line of JSON
 * @samples: one at least; sorted on return
 * @unit: their unit
 * @format: what was measured, as printf()'s: members of the JSON object, such as
 *	``"\"bench\": \"sync\", \"entries\": %u"``. What is a string there names
 *	the measurement in reports and comparisons, "bench" first
 */
void samples_tell(struct samples *samples, const char *unit, const char *format,
		  ...) __printf(3, 4);

/**
 * enum series_kind - what the values of a series are
 * @SERIES_COST: the cost of all; at most proportional to the size, as it should
 *	be
 * @SERIES_COST_EACH: the cost of one of many; the same at any size, as it should
 *	be
 * @SERIES_OTHER: something that more of is no worse, such as a rate
 */
enum series_kind {
	SERIES_COST,
	SERIES_COST_EACH,
	SERIES_OTHER,
};

/**
 * struct series_point - samples of a series at one size
 * @at: the size
 * @samples: what was measured there
 */
struct series_point {
	double at;
	struct samples samples;
};

/**
 * struct series - samples at several sizes
 * @kind: what they are
 * @against: what the size is of, one word such as "slot_mib"
 * @unit: of the samples
 * @words: what was measured, as samples_tell() has it
 * @point: by ascending size
 * @count: number of points
 */
struct series {
	enum series_kind kind;
	const char *against;
	const char *unit;
	char words[SAMPLES_WORDS_MAX];
	struct series_point point[SERIES_POINTS_MAX];
	size_t count;
};

/**
 * series_begin() - a series without points
 * @series: filled in
 * @kind: what the samples will be
 * @against: what the size is of; a string that stays
 * @unit: their unit; a string that stays
 * @format: what is measured, as samples_tell() has it
 */
void series_begin(struct series *series, enum series_kind kind,
		  const char *against, const char *unit, const char *format,
		  ...) __printf(5, 6);

/**
 * series_add() - one more sample
 * @series: begun
 * @at: the size, above 0; sizes may come in any order, and again: what a machine
 *	does beside must not be that of one size alone
 * @value: what was measured
 */
void series_add(struct series *series, double at, double value);

/**
 * series_next() - which size comes next
 * @at: the size before, above 0
 * @most: the last
 *
 * Return: twice as much, or @most if that would be more, or 0 after @most.
 */
static inline unsigned int series_next(unsigned int at, unsigned int most)
{
	if (at >= most)
		return 0;
	return at < most / 2 ? 2 * at : most;
}

/**
 * series_growth() - by which power of the size the cost grows
 * @series: series
 * @power: filled in: the slope of the line through the medians' logarithms
 *
 * "Faster" are costs that grow by a power clearly above what they should
 * (SERIES_COST: 1, SERIES_COST_EACH: 0), if also the cheapest sample at the
 * largest size costs a quarter more for each unit of size than the dearest one at
 * the smallest, and there are five of each: a busy machine alone hardly does that,
 * if the samples of both were taken by turns.
 *
 * Return: whether they grow faster than they should; false with @power 0 where
 * nothing can be said (one point, or samples of 0).
 */
bool series_growth(struct series *series, double *power);

/**
 * series_tell() - a line of JSON for each point, and one on growth; then free it
 * @series: series; without points it says nothing
 */
void series_tell(struct series *series);

#endif /* SECMMU_SAMPLES_H */
