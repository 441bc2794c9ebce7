// SPDX-License-Identifier: GPL-2.0-only
/* Samples of benchmarks, and series of them. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/report.h"
#include "core/samples.h"

/* What the median of distances is multiplied by. */
#define NORMAL 1.4826
/* Above this much more than it should be, a power is "clearly above". */
#define POWER_MARGIN 0.15
/* And so much dearer has a unit of size to be, by no less than so many samples. */
#define DEARER	    1.25
#define SAMPLES_MIN 5

void samples_add(struct samples *samples, double value)
{
	if (samples->count == samples->room) {
		samples->room = samples->room ? 2 * samples->room : 16;
		samples->value = realloc(samples->value,
					 samples->room * sizeof(double));
		if (!samples->value)
			fail("out of memory for %zu samples", samples->room);
	}
	samples->value[samples->count++] = value;
}

void samples_free(struct samples *samples)
{
	free(samples->value);
	*samples = (struct samples){ 0 };
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return left < right ? -1 : left > right;
}

static double sorted_median(double *value, size_t count)
{
	qsort(value, count, sizeof(*value), compare);
	return (value[(count - 1) / 2] + value[count / 2]) / 2;
}

struct samples_summary samples_summarise(struct samples *samples)
{
	struct samples_summary summary;
	double *distance;
	size_t i;

	if (!samples->count)
		fail("nothing was measured");
	distance = calloc(samples->count, sizeof(double));
	if (!distance)
		fail("out of memory for %zu samples", samples->count);
	summary.median = sorted_median(samples->value, samples->count);
	summary.least = samples->value[0];
	summary.most = samples->value[samples->count - 1];
	for (i = 0; i < samples->count; i++)
		distance[i] = fabs(samples->value[i] - summary.median);
	summary.spread = NORMAL * sorted_median(distance, samples->count);
	free(distance);
	return summary;
}

static void tell(struct samples *samples, const char *unit, const char *words)
{
	struct samples_summary summary = samples_summarise(samples);

	report_info("json: {%s, \"unit\": \"%s\", \"count\": %zu, \"median\": %.6g, \"min\": %.6g, \"max\": %.6g, \"spread\": %.3g}",
		    words, unit, samples->count, summary.median, summary.least,
		    summary.most, summary.spread);
}

void samples_tell(struct samples *samples, const char *unit, const char *format,
		  ...)
{
	char words[SAMPLES_WORDS_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(words, sizeof(words), format, arguments);
	va_end(arguments);
	tell(samples, unit, words);
}

void series_begin(struct series *series, enum series_kind kind,
		  const char *against, const char *unit, const char *format,
		  ...)
{
	va_list arguments;

	memset(series, 0, sizeof(*series));
	series->kind = kind;
	series->against = against;
	series->unit = unit;
	va_start(arguments, format);
	vsnprintf(series->words, sizeof(series->words), format, arguments);
	va_end(arguments);
}

void series_add(struct series *series, double at, double value)
{
	struct series_point *point = series->point;
	size_t i = 0;

	while (i < series->count && point[i].at < at)
		i++;
	if (i == series->count || point[i].at != at) {
		if (series->count == SERIES_POINTS_MAX)
			fail("a series has at most %d points",
			     SERIES_POINTS_MAX);
		memmove(&point[i + 1], &point[i],
			(series->count++ - i) * sizeof(*point));
		point[i] = (struct series_point){ .at = at };
	}
	samples_add(&point[i].samples, value);
}

/* Slope of the line through the logarithms, by least squares. */
static bool find_power(struct series *series, double *power)
{
	double x = 0, y = 0, xx = 0, xy = 0, divisor, n = series->count;
	size_t i;

	for (i = 0; i < series->count; i++) {
		struct series_point *point = &series->point[i];
		double median = samples_summarise(&point->samples).median;
		double at = log(point->at), value;

		if (median <= 0)
			return false;
		value = log(median);
		x += at;
		y += value;
		xx += at * at;
		xy += at * value;
	}
	divisor = n * xx - x * x;
	if (series->count < 2 || divisor <= 0)
		return false;
	*power = (n * xy - x * y) / divisor;
	return true;
}

bool series_growth(struct series *series, double *power)
{
	double expected = series->kind == SERIES_COST ? 1 : 0;
	struct series_point *first, *last;

	*power = 0;
	if (series->kind == SERIES_OTHER || !find_power(series, power))
		return false;
	first = &series->point[0];
	last = &series->point[series->count - 1];
	if (*power <= expected + POWER_MARGIN ||
	    first->samples.count < SAMPLES_MIN ||
	    last->samples.count < SAMPLES_MIN)
		return false;
	return DEARER * samples_summarise(&first->samples).most /
		       pow(first->at, expected) <
	       samples_summarise(&last->samples).least /
		       pow(last->at, expected);
}

static void tell_growth(struct series *series)
{
	struct series_point *first, *last;
	double power;
	bool faster;

	if (series->count < 2)
		return;
	first = &series->point[0];
	last = &series->point[series->count - 1];
	faster = series_growth(series, &power);
	report_info("json: {%s, \"growth_with\": \"%s\", \"power\": %.2f, \"faster_than_linear\": %s}",
		    series->words, series->against, power,
		    faster ? "true" : "false");
	if (faster)
		report_info("grows faster than linearly: {%s}: %.6g %s at %s %g, %.6g %s at %g",
			    series->words,
			    samples_summarise(&first->samples).median,
			    series->unit, series->against, first->at,
			    samples_summarise(&last->samples).median,
			    series->unit, last->at);
}

void series_tell(struct series *series)
{
	char words[2 * SAMPLES_WORDS_MAX];
	size_t i;

	for (i = 0; i < series->count; i++) {
		snprintf(words, sizeof(words),
			 "%s, \"against\": \"%s\", \"%s\": %g", series->words,
			 series->against, series->against, series->point[i].at);
		tell(&series->point[i].samples, series->unit, words);
	}
	if (series->kind != SERIES_OTHER)
		tell_growth(series);
	for (i = 0; i < series->count; i++)
		samples_free(&series->point[i].samples);
	series->count = 0;
}
