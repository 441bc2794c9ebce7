# SPDX-License-Identifier: GPL-2.0-only
#
# KTAP from results.jsonl, all but the plan.

BEGIN {
	print "TAP version 13"
}

{
	print ktap_line(json_get($0, "status"), json_get($0, "target"), json_get($0, "name"), json_get($0, "reason"), NR)
}
