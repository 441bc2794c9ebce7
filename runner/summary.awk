# SPDX-License-Identifier: GPL-2.0-only
#
# The table of results per target, and what is to be done about each failure,
# from results.jsonl.

# What became of a line: as it should be, or not.
function prove_word(status, good) {
	return status == "PASS" ? good : status == "" ? "not run" : status
}

{
	target = printable(json_get($0, "target"))
	status = printable(json_get($0, "status"))
	if (!(target in seen)) {
		seen[target] = 1
		order[++targets] = target
	}
	n[target, status]++
	n[target, "time"] += json_get($0, "seconds")
	if (length(target) > width)
		width = length(target)
	unexpected = status == "SKIP" && json_get($0, "expected") == "false"
	if (unexpected)
		n[target, "unexpected"]++
	if (status == "FAIL" || status == "CRASH" || status == "TIMEOUT" || unexpected) {
		# Skips for one reason are one entry.
		key = status SUBSEP target SUBSEP (unexpected ? "" : json_get($0, "name")) SUBSEP json_get($0, "reason")
		if (!repeated[key]++) {
			failure[++failures] = key
			name_of[key] = json_get($0, "name")
			replay[key] = json_get($0, "replay")
			log_of[key] = json_get($0, "log")
		}
	}
	if (status == "SKIP" && !unexpected) {
		key = target SUBSEP json_get($0, "reason")
		if (!skipped[key]++)
			skip[++skips] = key
	}
	if (status == "KNOWN")
		known[++knowns] = target " " json_get($0, "name") ": " json_get($0, "known")
	stale_test = json_get($0, "stale")
	if (stale_test != "")
		stale[target SUBSEP stale_test] = 1
	name = json_get($0, "name")
	if (name ~ /^prove\//) {
		at = index(name, ":")
		key = target SUBSEP substr(name, 7, at - 7)
		if (!(key in proved))
			prove_order[++proves] = key
		proved[key] = 1
		prove_status[key, substr(name, at + 1)] = status
		if (substr(name, at + 1) == "with") {
			detection[key] = printable(json_get($0, "detection_seconds"))
			since[key] = printable(json_get($0, "since_applied"))
			if (json_get($0, "detected") != "yes")
				detection[key] = ""
		}
	}
	if (json_get($0, "known") != "")
		hit[target SUBSEP json_get($0, "name")] = 1
}

END {
	for (i = 1; i <= failures; i++) {
		split(failure[i], part, SUBSEP)
		status = part[1]
		if (status == "SKIP")
			status = "SKIP (unexpected)"
		print ""
		more = repeated[failure[i]] - 1
		printf "%s  %s  %s%s\n", status, part[2], printable(name_of[failure[i]]), \
			(!more ? "" : part[1] == "SKIP" ? "  (and " more " more)" : "  (" more + 1 " times)")
		print "    " printable(part[4])
		print "    replay: " printable(replay[failure[i]])
		print "    log:    " printable(results "/" log_of[failure[i]])
	}
	if (skips)
		print ""
	for (i = 1; i <= skips; i++) {
		split(skip[i], part, SUBSEP)
		printf "skipped  %s  %d: %s\n", part[1], skipped[skip[i]], printable(part[2])
	}
	if (knowns)
		print ""
	for (i = 1; i <= knowns; i++)
		print "KNOWN  " printable(known[i])
	for (key in stale) {
		split(key, part, SUBSEP)
		used = 0
		for (other in hit) {
			split(other, what, SUBSEP)
			if (what[1] == part[1] && what[2] ~ glob_regex(part[2]))
				used = 1
		}
		if (!used)
			print "STALE  known-failures: " printable(part[2]) " passed on " part[1] ": remove the entry, or narrow it"
	}
	if (!targets)
		exit
	if (width < 6)
		width = 6
	if (proves)
		printf "\n%-" width "s %-24s %8s %8s %12s %14s\n", "target", "sabotage", "without", "with", \
			"detected in", "since applied"
	for (i = 1; i <= proves; i++) {
		key = prove_order[i]
		split(key, part, SUBSEP)
		printf "%-" width "s %-24s %8s %8s %12s %14s\n", part[1], printable(part[2]), \
			prove_word(prove_status[key, "without"], "passes"), \
			prove_word(prove_status[key, "with"], "fails"), \
			detection[key] == "" ? "-" : detection[key] " s", \
			detection[key] == "" ? "-" : since[key] " s"
	}
	print ""
	printf "%-" width "s %6s %6s %6s %6s %8s %6s\n", "target", "passed", "failed", "crash", "skip", "timeout", "known"
	for (i = 1; i <= targets; i++) {
		t = order[i]
		printf "%-" width "s %6d %6d %6d %6d %8d %6d%s\n", t, n[t, "PASS"], n[t, "FAIL"], n[t, "CRASH"], \
			n[t, "SKIP"], n[t, "TIMEOUT"], n[t, "KNOWN"], \
			n[t, "unexpected"] ? "   (" n[t, "unexpected"] " skipped that vm/expected-skips does not list)" : ""
	}
}
