# SPDX-License-Identifier: GPL-2.0-only
#
# What became of new failures when they were replayed: reads the results of the
# replays, then the transitions, and prints these with the verdict in them.
#
# Variables: transitions (the name of the second file).

# Wilson's score interval for p of n, at 95 %, in whole per cent.
function wilson(p, n,    z, rate, middle, half, low, high) {
	z = 1.96
	rate = p / n
	middle = (rate + z * z / (2 * n)) / (1 + z * z / n)
	half = z * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / (1 + z * z / n)
	low = middle - half
	high = middle + half
	return sprintf("%.0f %% (%.0f to %.0f)", 100 * rate, 100 * (low < 0 ? 0 : low), 100 * (high > 1 ? 1 : high))
}

FILENAME != transitions {
	key = printable(json_get($0, "target")) "\t" printable(json_get($0, "name"))
	status = json_get($0, "status")
	if (!all[key]++)
		first[key] = status
	passed[key] += status == "PASS"
	if (status == "FAIL" || status == "CRASH" || status == "TIMEOUT")
		failed[key]++
	# A program that fails as a whole.
	sub(/:.*/, "", key)
	program_failed[key] += status == "FAIL" || status == "CRASH" || status == "TIMEOUT"
	next
}

{
	split($0, part, "\t")
	key = part[2] "\t" part[3]
	if (part[1] !~ /^(new failure|crashed|flaky)$/) {
		print
		next
	}
	if (key !~ /:/ && program_failed[key]) {
		print (part[1] == "crashed" ? "crashed" : "regression") "\t" key "\tagain when replayed: " part[4]
		next
	}
	if (!passed[key] && !failed[key]) {
		print $0 " (could not be replayed)"
		next
	}
	text = "passes " passed[key] + 0 " of " passed[key] + failed[key] " replays, " wilson(passed[key], passed[key] + failed[key])
	if (first[key] == "FAIL" || first[key] == "CRASH" || first[key] == "TIMEOUT")
		text = text ", fails again with the same seed"
	print (failed[key] ? (part[1] == "crashed" ? "crashed" : "regression") : "flaky") "\t" key "\t" text ": " part[4]
}
