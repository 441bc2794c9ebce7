# SPDX-License-Identifier: GPL-2.0-only
#
# What the other awk programs here share. Bytes, not characters: run with
# LC_ALL=C. No interval expressions, no gawk extensions.

BEGIN {
	for (i = 1; i < 256; i++)
		byte_value[sprintf("%c", i)] = i
}

# The name that a test of an earlier run has today, by the file runner/renamed, which
# is the variable renamed.
function current_name(name,    line, part, program, i, at) {
	if (!renamed_read++)
		while ((getline line < renamed) > 0)
			if (line !~ /^#/ && split(line, part, /[ \t]+/) == 3) {
				renamed_program[++renamed_count] = part[1]
				renamed_old[renamed_count] = part[2]
				renamed_new[renamed_count] = part[3]
			}
	program = name
	sub(/:.*/, "", program)
	for (i = 1; i <= renamed_count; i++)
		if (program == renamed_program[i] && (at = index(name, renamed_old[i])))
			name = substr(name, 1, at - 1) renamed_new[i] substr(name, at + length(renamed_old[i]))
	return name
}

# How many bytes the UTF-8 sequence at byte at of s has; 0: it is none.
function utf8_length(s, at,    b, n, low, high, i) {
	b = byte_value[substr(s, at, 1)]
	if (b < 128)
		return 1
	low = 128
	high = 191
	if (b >= 194 && b <= 223)
		n = 2
	else if (b >= 224 && b <= 239) {
		n = 3
		if (b == 224)
			low = 160	# shorter forms exist
		if (b == 237)
			high = 159	# surrogates
	} else if (b >= 240 && b <= 244) {
		n = 4
		if (b == 240)
			low = 144
		if (b == 244)
			high = 143	# beyond U+10FFFF
	} else
		return 0
	for (i = 1; i < n; i++) {
		b = byte_value[substr(s, at + i, 1)]
		if (b < low || b > high)
			return 0
		low = 128
		high = 191
	}
	return n
}

# Does a terminal obey this valid sequence of UTF-8? The number of its character, or 0.
function obeyed(c) {
	if (c ~ /^\302[\200-\237]/)
		return byte_value[substr(c, 2)]		# C1
	if (c ~ /^\342\200[\252-\256]/ || c ~ /^\342\201[\246-\251]/)	# direction of writing
		return 8192 + (byte_value[substr(c, 2, 1)] - 128) * 64 + byte_value[substr(c, 3)] - 128
	return 0
}

# s as a JSON string. Bytes that are no UTF-8 become U+FFFD.
function json(s,    out, i, n, c, b) {
	if (s !~ /[^ !#-\[\]-~]/)
		return "\"" s "\""
	out = ""
	for (i = 1; i <= length(s); i += n) {
		c = substr(s, i, 1)
		b = byte_value[c]
		n = 1
		if (c == "\"" || c == "\\")
			out = out "\\" c
		else if (b >= 32 && b < 127)
			out = out c
		else if (c == "\t")
			out = out "\\t"
		else if (b < 128)
			out = out sprintf("\\u%04x", b)
		else {
			n = utf8_length(s, i)
			c = substr(s, i, n)
			b = obeyed(c)
			out = out (!n ? "\\ufffd" : b ? sprintf("\\u%04x", b) : c)
			if (!n)
				n = 1
		}
	}
	return "\"" out "\""
}

# The value of a key in one line of results.jsonl as we write it: flat, keys in
# any order, strings, numbers, true, false and null. Escapes are undone but for
# \u above 127.
function json_get(line, key,    at, out, c, hex, digits, i) {
	at = index(line, "\"" key "\": ")
	if (!at)
		return ""
	line = substr(line, at + length(key) + 4)
	if (substr(line, 1, 1) != "\"") {
		match(line, /^[^,}]*/)
		return substr(line, 1, RLENGTH)
	}
	out = ""
	for (i = 2; i <= length(line); i++) {
		c = substr(line, i, 1)
		if (c == "\"")
			break
		if (c != "\\") {
			out = out c
			continue
		}
		c = substr(line, ++i, 1)
		if (c == "u") {
			hex = tolower(substr(line, i + 1, 4))
			i += 4
			digits = 16 * (index("0123456789abcdef", substr(hex, 3, 1)) - 1) + \
				index("0123456789abcdef", substr(hex, 4, 1)) - 1
			out = out (substr(hex, 1, 2) == "00" && digits < 128 ? sprintf("%c", digits) : "?")
		} else if (c == "t")
			out = out "\t"
		else
			out = out c
	}
	return out
}

# For a terminal or a line of KTAP: one line, nothing that a terminal obeys. That is
# valid UTF-8 without control characters (C0, DEL, C1) and without those that change
# the direction of writing (U+202A to U+202E, U+2066 to U+2069).
function printable(s,    out, n, c) {
	gsub(/[\001-\037\177]/, "?", s)
	out = ""
	while (match(s, /[\200-\377]/)) {
		out = out substr(s, 1, RSTART - 1)
		s = substr(s, RSTART)
		n = utf8_length(s, 1)
		c = substr(s, 1, n)
		if (!n || obeyed(c))
			c = "?"
		out = out c
		s = substr(s, n ? n + 1 : 2)
	}
	return out s
}

# Is s one flat object of JSON: texts, numbers of a sane size, true, false and null?
# Of printable ASCII; strings without braces.
function flat_object(s,    text, number, pair, one) {
	text = "\"([^\"\\\\{}]|\\\\[\"\\\\/bfnrt])*\""
	number = "-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9][0-9]?)?"
	if (s ~ /[^ -~]/ || s !~ /^\{.*\}$/)
		return 0
	pair = "^ *" text " *: *(" text "|" number "|true|false|null) *"
	s = substr(s, 2, length(s) - 2)
	if (s ~ /^ *$/)
		return 1
	while (match(s, pair)) {
		one = substr(s, 1, RLENGTH)
		s = substr(s, RLENGTH + 1)
		# A number with hundreds of digits is none that anything reads.
		if (one !~ /" *$/ && match(one, /:[^:]*$/) && RLENGTH > 40)
			return 0
		if (s == "")
			return 1
		if (substr(s, 1, 1) != ",")
			return 0
		s = substr(s, 2)
	}
	return 0
}

# A shell glob (* ? [abc] [!abc]) as a regular expression for the whole text.
function glob_regex(glob,    out, i, c, close_at) {
	out = "^"
	for (i = 1; i <= length(glob); i++) {
		c = substr(glob, i, 1)
		if (c == "*")
			out = out ".*"
		else if (c == "?")
			out = out "."
		else if (c == "[" && (close_at = index(substr(glob, i + 2), "]"))) {
			out = out "[" (substr(glob, i + 1, 1) == "!" ? "^" : substr(glob, i + 1, 1)) \
				substr(glob, i + 2, close_at)
			i += close_at + 1
		} else if (c ~ /[A-Za-z0-9_\/,:=@%-]/)
			out = out c
		else
			out = out "\\" c
	}
	return out "$"
}

function trim(s) {
	sub(/^[ \t]+/, "", s)
	sub(/[ \t\r]+$/, "", s)
	return s
}

# One argument for a shell.
function shell_word(s) {
	if (s !~ /[^A-Za-z0-9_.\/:,=+%@-]/)
		return s
	gsub(/'/, "'\\''", s)
	return "'" s "'"
}

# The folder of a target's files in those of a run (start_target()).
function folder_name(target) {
	gsub(/[^A-Za-z0-9._=+-]/, "_", target)
	return target
}

# One result as a line of KTAP.
function ktap_line(status, target, name, reason, number) {
	name = target " " printable(name)
	reason = printable(reason)
	gsub(/#/, "\\#", name)
	if (status == "PASS")
		return "ok " number " " name
	if (status == "SKIP")
		return "ok " number " " name " # SKIP " reason
	if (status == "KNOWN")
		return "not ok " number " " name " # TODO known: " reason
	return "# " status ": " reason "\nnot ok " number " " name
}
