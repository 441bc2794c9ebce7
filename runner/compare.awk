# SPDX-License-Identifier: GPL-2.0-only
#
# What changed from one run to another: reads results.jsonl of the baseline and
# of this run, and prints one line per transition, with tabs between:
#   new failure | crashed | flaky | fixed | new | gone | infrastructure |
#   slower | faster,  target, test, what there is to say of it
#
# Variables: partial (1: this run has only some of the tests, so that what is
# not there is not gone).

function failed(status, line) {
	return status == "FAIL" || status == "CRASH" || status == "TIMEOUT" || \
		(status == "SKIP" && json_get(line, "expected") == "false")
}

# What became of a test in one run, over all its rounds.
function outcome(run, key) {
	if (n[run, key, "CRASH"])
		return "crash"
	if (n[run, key, "bad"])
		return n[run, key, "PASS"] ? "flaky" : "fail"
	if (n[run, key, "KNOWN"])
		return "known"
	return n[run, key, "PASS"] ? "pass" : "skip"
}

function take_measures(run, target, name, line,    at, object, pair, value, key, unit, whole, against) {
	at = index(line, "\"measures\": [")
	if (!at)
		return
	line = substr(line, at + 13)
	while (match(line, /\{[^{}]*\}/)) {
		object = substr(line, RSTART + 1, RLENGTH - 2)
		line = substr(line, RSTART + RLENGTH)
		value = key = unit = ""
		whole = "{" object "}"
		while (match(object, /"[^"]*": *("[^"]*"|[-+.0-9eE]+)/)) {
			pair = substr(object, RSTART, RLENGTH)
			object = substr(object, RSTART + RLENGTH)
			if (pair ~ /^"unit"/)
				unit = json_get(pair "}", "unit")
			else if (pair ~ /^"against"/) {
				# A point of a series is named by where it is.
				against = json_get(pair "}", "against")
				key = key (key == "" ? "" : " ") against "=" json_get(whole, against)
			} else if (pair ~ /"$/)
				key = key (key == "" ? "" : " ") substr(pair, index(pair, ": ") + 3, length(pair) - index(pair, ": ") - 3)
			else if (pair ~ /^"(rate|median|value)"/ && value == "")
				value = substr(pair, index(pair, ":") + 1) + 0
		}
		if (value == "")
			continue
		key = target "\t" name (key == "" ? "" : " (" printable(key) ")")
		if (!(key in unit_of))
			measured[++measures] = key
		unit_of[key] = printable(unit)
		sample[run, key, ++samples[run, key]] = value
	}
}

# Sorts sample[run, key, 1..count] (a few values), and sets median, spread, least
# and most. The spread is the median distance from the median, scaled so that it
# is a normal distribution's standard deviation.
function describe(run, key,    i, j, count, v) {
	count = samples[run, key]
	for (i = 2; i <= count; i++) {
		v = sample[run, key, i]
		for (j = i - 1; j >= 1 && sample[run, key, j] > v; j--)
			sample[run, key, j + 1] = sample[run, key, j]
		sample[run, key, j + 1] = v
	}
	median = middle(run, key, count)
	least = sample[run, key, 1]
	most = sample[run, key, count]
	for (i = 1; i <= count; i++) {
		v = sample[run, key, i] - median
		v = v < 0 ? -v : v
		for (j = i - 1; j >= 1 && distance[j] > v; j--)
			distance[j + 1] = distance[j]
		distance[j + 1] = v
	}
	spread = 1.4826 * (count % 2 ? distance[(count + 1) / 2] : (distance[count / 2] + distance[count / 2 + 1]) / 2)
}

function middle(run, key, count) {
	return count % 2 ? sample[run, key, (count + 1) / 2] : (sample[run, key, count / 2] + sample[run, key, count / 2 + 1]) / 2
}

# A change that neither run's own noise explains: further than three spreads, and
# nothing of one run within the other's range.
function compare_measures(    i, key, m, s, low, high, worse) {
	for (i = 1; i <= measures; i++) {
		key = measured[i]
		if (samples[1, key] < 3 || samples[2, key] < 3)
			continue
		describe(1, key)
		m = median; s = spread; low = least; high = most
		describe(2, key)
		if (spread > s)
			s = spread
		if (!(least > high || most < low) || (median > m ? median - m : m - median) <= 3 * s || !m)
			continue
		worse = unit_of[key] ~ /\/s$/ ? median < m : median > m
		printf "%s\t%s\tmedian %g, was %g %s (%+.0f %%); noise %.1f %%, %d and %d runs\n", worse ? "slower" : "faster", key, \
			median, m, unit_of[key], 100 * (median - m) / m, 100 * s / m, samples[2, key], samples[1, key]
	}
}

FNR == 1 {
	run++
}

{
	target = printable(json_get($0, "target"))
	name = printable(json_get($0, "name"))
	if (run == 1)
		name = current_name(name)
	status = json_get($0, "status")
	key = target "\t" name
	program = name
	sub(/:.*/, "", program)
	has_target[run, target] = has_program[run, target, program] = 1
	if (!n[run, key, "all"]++ && run == 2 || (run == 1 && n[run, key, "all"] == 1))
		order[run, ++keys[run]] = key
	target_of[key] = target
	program_of[key] = program
	n[run, key, status]++
	if (failed(status, $0))
		n[run, key, "bad"]++
	if (run == 2 && reason[key] == "" && status != "PASS")
		reason[key] = printable(json_get($0, "reason"))
	take_measures(run, target, name, $0)
}

END {
	for (i = 1; i <= keys[2]; i++) {
		key = order[2, i]
		now = outcome(2, key)
		if (!n[1, key, "all"]) {
			if (now == "fail" || now == "crash" || now == "flaky")
				print (now == "crash" ? "crashed" : now == "flaky" ? now : "new failure") "\t" key "\t" reason[key]
			else if (!has_target[1, target_of[key]])
				fresh[target_of[key] "\t(all)"]++
			else if (!has_program[1, target_of[key], program_of[key]])
				fresh[target_of[key] "\t" program_of[key]]++
			else
				print "new\t" key "\t" now
			continue
		}
		was = outcome(1, key)
		bad_before = was == "fail" || was == "crash" || was == "flaky"
		if (now == "crash" && was != "crash")
			print "crashed\t" key "\t" reason[key]
		else if (now == "fail" && !bad_before)
			print "new failure\t" key "\t" reason[key]
		else if (now == "flaky" && !bad_before)
			print "flaky\t" key "\t" n[2, key, "bad"] " of " n[2, key, "all"] " failed: " reason[key]
		else if (now == "pass" && (bad_before || was == "known"))
			print "fixed\t" key "\twas: " was
		else if (now == "skip" && was != "skip")
			print "gone\t" key "\tskips now: " reason[key]
	}
	for (line in fresh)
		print "new\t" line "\t" fresh[line] " results"
	for (i = 1; i <= keys[1]; i++) {
		key = order[1, i]
		if (n[2, key, "all"] || (n[1, key, "bad"] && key !~ /:/))
			continue	# there, or a program that failed as a whole
		if (has_program[2, target_of[key], program_of[key]]) {
			# A program that ended early says so itself.
			if (!partial && !n[2, target_of[key] "\t" program_of[key], "bad"])
				print "gone\t" key "\thas no result"
		} else if (!partial)
			lost[target_of[key] "\t" program_of[key]]++
	}
	for (line in lost)
		print "gone\t" line "\twas not run (" lost[line] " results before)"
	compare_measures()
}
