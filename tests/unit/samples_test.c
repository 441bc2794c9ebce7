// SPDX-License-Identifier: GPL-2.0-only
#include <math.h>
#include <stddef.h>

#include "core/cases.h"
#include "core/samples.h"

static struct samples_summary summary_of(const double *values, size_t count)
{
	struct samples samples = { 0 };
	struct samples_summary summary;
	size_t i;

	for (i = 0; i < count; i++)
		samples_add(&samples, values[i]);
	summary = samples_summarise(&samples);
	samples_free(&samples);
	return summary;
}

static void test_summary(const struct test_case *test)
{
	static const double odd[] = { 9, 1, 5, 4, 100 };
	static const double even[] = { 4, 2, 8, 6 };
	struct samples_summary summary = summary_of(odd, 5);
	unsigned int i;
	double many[1000];

	(void)test;
	CHECK(summary.least == 1 && summary.median == 5 && summary.most == 100,
	      "1 4 5 9 100: %g %g %g", summary.least, summary.median,
	      summary.most);
	/* Distances from 5: 0 1 4 4 95. */
	CHECK(fabs(summary.spread - 4 * 1.4826) < 1e-9, "their spread is %g",
	      summary.spread);
	summary = summary_of(even, 4);
	CHECK(summary.median == 5, "the median of 2 4 6 8 is %g",
	      summary.median);
	summary = summary_of(even, 1);
	CHECK(summary.median == 4 && summary.spread == 0,
	      "of 4 alone: median %g, spread %g", summary.median,
	      summary.spread);
	for (i = 0; i < 1000; i++)
		many[i] = 1000 - i;
	summary = summary_of(many, 1000);
	CHECK(summary.median == 500.5 && summary.least == 1,
	      "the median of 1 to 1000 is %g", summary.median);
}

/* So many samples at each of 1, 2, 4, 8: size^power, and up to @noise more. */
static bool grows(enum series_kind kind, unsigned int repeats, double power,
		  double noise, double *found)
{
	struct series series;
	unsigned int i;
	bool faster;
	double at;

	series_begin(&series, kind, "size", "us", "\"bench\": \"x\"");
	for (i = 0; i < repeats; i++)
		/* In no order. */
		for (at = i % 2 ? 1 : 8; at >= 1 && at <= 8;
		     at = i % 2 ? 2 * at : at / 2)
			series_add(&series, at,
				   pow(at, power) *
					   (1 + noise * i / (repeats - 1)));
	faster = series_growth(&series, found);
	series_tell(&series);
	return faster;
}

static void test_growth(const struct test_case *test)
{
	struct series series;
	double power;

	(void)test;
	CHECK(!grows(SERIES_COST, 5, 1, 0.1, &power) && fabs(power - 1) < 1e-6,
	      "linear: power %g", power);
	CHECK(grows(SERIES_COST, 5, 1.5, 0.1, &power) &&
		      fabs(power - 1.5) < 1e-6,
	      "power 1.5: power %g", power);
	CHECK(!grows(SERIES_COST, 5, 1.1, 0.01, &power),
	      "power 1.1 is called faster than linear");
	CHECK(!grows(SERIES_COST, 5, 1.5, 5, &power),
	      "power 1.5, within the samples' range, is called faster");
	CHECK(!grows(SERIES_COST, 5, 0, 0.1, &power) && fabs(power) < 1e-6,
	      "the same at every size: power %g", power);
	CHECK(!grows(SERIES_COST_EACH, 5, 0, 0.1, &power),
	      "the same each at every size is called faster than linear");
	CHECK(grows(SERIES_COST_EACH, 5, 0.5, 0.1, &power),
	      "each costs more at larger sizes: power %g, and not called so",
	      power);
	CHECK(!grows(SERIES_COST, 4, 1.5, 0.1, &power),
	      "four samples are taken for enough");
	CHECK(!grows(SERIES_OTHER, 5, 2, 0, &power), "a rate is no cost");

	series_begin(&series, SERIES_COST, "size", "us", "\"bench\": \"x\"");
	CHECK(!series_growth(&series, &power), "no points grow");
	series_add(&series, 4, 1);
	CHECK(!series_growth(&series, &power) && power == 0, "one point grows");
	series_add(&series, 8, 0);
	CHECK(!series_growth(&series, &power) && power == 0,
	      "nothing can be said with a sample of 0");
	series_tell(&series);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ .name = "summary", .run = test_summary },
		{ .name = "growth", .run = test_growth },
	};
	static const struct program program = {
		.name = "samples_test",
		.summary = "what samples of benchmarks say",
		.table = cases,
		.table_size = ARRAY_SIZE(cases),
	};

	return cases_main(argc, argv, &program);
}
