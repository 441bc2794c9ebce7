# SPDX-License-Identifier: GPL-2.0-only
#
# Reads the states of a run's targets, then its results.jsonl, and prints of
# each target as many results as its state knows of.
#
# Variables: results (the folder), set behind the states.

results == "" {
	if ($1 == "count_all")
		count[FILENAME] = $2
	next
}

# The last line may have been cut.
/^{.*}$/ {
	target = json_get($0, "target")
	if (seen[target]++ < count[results "/" folder_name(target) "/state"])
		print
}
