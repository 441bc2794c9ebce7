# SPDX-License-Identifier: GPL-2.0-only
#
# What is expected to fail (known-failures) or to skip (vm/expected-skips) on
# the variable target, whose kernel is release. For digest.awk.

function read_skips(    line, part) {
	while ((getline line < skips) > 0) {
		sub(/^[ \t]+/, "", line)
		if (line == "" || line ~ /^#/)
			continue
		split(line, part, /[ \t]+/)
		skip_target[++skip_count] = glob_regex(part[1])
		skip_name[skip_count] = glob_regex(part[2])
		sub(/^[^ \t]+[ \t]+[^ \t]+[ \t]*/, "", line)
		skip_reason[skip_count] = line
	}
	close(skips)
}

function skip_expected(name, reason,    i) {
	for (i = 1; i <= skip_count; i++)
		if (target ~ skip_target[i] && name ~ skip_name[i] && \
		    (skip_reason[i] == "" || reason ~ skip_reason[i]))
			return 1
	return 0
}

# Paragraphs of "key: value".
function read_known(    line, at, key, open_entry) {
	while ((getline line < known) > 0) {
		if (line ~ /^#/)
			continue
		if (line ~ /^[ \t\r]*$/) {
			open_entry = 0
			continue
		}
		if (!open_entry) {
			open_entry = 1
			known_count++
		}
		if (line ~ /^[ \t]/) {
			entry[known_count, key] = entry[known_count, key] " " trim(line)
			continue
		}
		at = index(line, ":")
		key = substr(line, 1, at - 1)
		entry[known_count, key] = trim(substr(line, at + 1))
	}
	close(known)
}

# -1, 0 or 1: how release a compares with b, as far as b goes (6.1.5 is a 6.1).
function compare_releases(a, b,    x, y, n, m, i) {
	n = split(a, x, /[^0-9]+/)
	m = split(b, y, /[^0-9]+/)
	for (i = 1; i <= m && y[i] != ""; i++)
		if (x[i] + 0 != y[i] + 0)
			return x[i] + 0 < y[i] + 0 ? -1 : 1
	return 0
}

function kernel_in_range(range,    ends) {
	if (range == "" || range == "*")
		return 1
	if (index(range, "..") == 0)
		return compare_releases(release, range) == 0
	split(range, ends, /\.\./)
	return (ends[1] == "" || compare_releases(release, ends[1]) >= 0) && \
		(ends[2] == "" || compare_releases(release, ends[2]) <= 0)
}

# What a target with this machine's kernel and mode is called, for one that has a
# name of its own (here, kernel:FILE); "here" among the variants keeps it apart from
# the emulated machines that entries name in full.
function machine_name(    name, part) {
	if (machine_arch == "" || (target != "here" && target !~ /^kernel:/))
		return target
	split(release, part, /[^0-9]+/)
	name = machine_arch "-" part[1] "." part[2]
	if (target == "here")
		return name ":here" (machine_mode == "" ? "" : "," machine_mode)
	return name (machine_mode == "" ? "" : ":" machine_mode)
}

# By the words of the kernel's command line that variants of targets set.
function mode_of(words) {
	words = " " words " "
	if (match(words, / kvm-arm\.mode=(nvhe|protected) /))
		return substr(words, RSTART + 14, RLENGTH - 15)
	return words ~ / kvm_amd\.npt=0 / ? "npt=0" : ""
}

# Does one of the globs, separated by blanks, match?
function matches_one(name, globs,    part, count, i) {
	count = split(globs, part, /[ \t]+/)
	for (i = 1; i <= count; i++)
		if (name ~ glob_regex(part[i]))
			return 1
	return 0
}

function entry_applies(i, name,    targets) {
	targets = glob_regex(entry[i, "target"])
	return matches_one(name, entry[i, "test"]) && \
		(target ~ targets || machine_name() ~ targets) && kernel_in_range(entry[i, "kernel"])
}

# The entry of known-failures that this failure is, or 0.
function known_failure(name, status, reason, splat_name,    i, fingerprint) {
	for (i = 1; i <= known_count; i++) {
		if (!entry_applies(i, name) || entry_expired(i))
			continue
		if (entry[i, "status"] != "" && entry[i, "status"] != status)
			continue
		fingerprint = entry[i, "fingerprint"]
		if (reason ~ fingerprint || splat_name ~ fingerprint || splat_has(fingerprint))
			return i
	}
	return 0
}

# ISO dates compare as text.
function entry_expired(i) {
	return entry[i, "expires"] != "" && entry[i, "expires"] < today
}

function splat_has(regex,    j) {
	for (j = 1; j <= splat_lines; j++)
		if (splat[j] ~ regex)
			return 1
	return 0
}
