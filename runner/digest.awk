# SPDX-License-Identifier: GPL-2.0-only
#
# Turns what vm/agent sent (its head describes the stream) into results: one
# JSON object per test case, one line of KTAP on stdout, one
# log file per program. Reads from where it stopped the last time; a program
# that has not ended yet is left for the next time, unless -v end= says that
# nothing more will come.
#
# Variables: state (file to remember things in), state_new (what it will be),
# output (file for the objects), nonce, target, results (the folder), folder (where in
# it the logs go), list (the boot's job), known, skips (files), console (file, may be
# missing), end ("": it goes on; "crash": the machine died;
# "lost": so did the agent; "interrupted"), bisect (1: known failures are bad),
# verbose (1: what the programs print, too).
# In the environment: SECMMU_FINGERPRINT, which failure a bisection looks for
# (others are counted apart), SECMMU_COMMAND, which repeats this run, and SECMMU_WHY,
# one line for the end.

# All that the stream says is data of a machine whose kernel may be broken, or hostile:
# it has numbers, and text. What the host knows (which program stands in which line of
# the job) is not taken from it.

# ---- results ------------------------------------------------------------------

# case_name may be "": the program as a whole.
function result(case_name, status, seconds, reason,    name, line, i, shown, expected, replay, fingerprint) {
	name = area "/" program (case_name == "" ? "" : ":" case_name)
	reason = trim(reason)
	shown = status
	i = 0
	fingerprint = ""
	if (status == "FAIL" || status == "CRASH" || status == "TIMEOUT") {
		fingerprint = splat_name()
		if (!bisect)
			i = known_failure(name, status, reason, fingerprint)
		if (i)
			shown = "KNOWN"
	}
	expected = 1
	if (status == "SKIP")
		expected = skip_expected(name, reason)
	replay = ""
	if (status != "PASS") {
		replay = command " -t " shell_word(name)
		if (seed != "" && command !~ / --seed /)
			replay = replay " --seed " seed
	}
	line = "{\"name\": " json(name) ", \"target\": " json(target) \
		", \"status\": \"" shown "\", \"seconds\": " (seconds ~ /^[0-9]+\.[0-9]+$/ ? seconds : "null") \
		", \"seed\": " (seed == "" ? "null" : json(seed)) ", \"reason\": " json(reason) \
		", \"log\": " json(log_name) ", \"replay\": " json(replay) \
		", \"kernel\": " json(release)
	if (status == "SKIP")
		line = line ", \"expected\": " (expected ? "true" : "false")
	if (fingerprint != "")
		line = line ", \"fingerprint\": " json(fingerprint)
	if (i)
		line = line ", \"was\": \"" status "\", \"known\": " json(entry[i, "reason"])
	for (i = 1; i <= known_count; i++)
		if (status == "PASS" && !bisect && entry[i, "seldom"] == "" && entry_applies(i, name))
			line = line ", \"stale\": " json(entry[i, "test"])
	print line more "}" > output

	count[shown]++
	count["all"]++
	if (bisect && wanted != "" && fingerprint !~ wanted && reason !~ wanted && !splat_has(wanted) && \
	    (shown == "FAIL" || shown == "CRASH" || shown == "TIMEOUT"))
		count["other"]++
	else if (shown == "FAIL" || shown == "CRASH" || shown == "TIMEOUT" || !expected)
		count["bad"]++
	if (case_name == "" && status == "SKIP")
		count["programs_skipped"]++
	print ktap_line(shown, target, name, reason, count["all"])
}

# The line of the job that a START names; what else it says is the job's to say.
function begin_program(    f) {
	split(text, f, " ")
	if (f[2] !~ /^[0-9]+$/ || !((f[2] + 0) in job_line) || f[2] + 0 <= last_done) {
		say("a START of line " substr(f[2], 1, 20) ", which is not to be run now: ignored")
		return
	}
	number = f[2] + 0
	started = f[5] ~ /^[0-9.]+$/ ? f[5] + 0 : 0
	split(job_line[number], f, " ")
	area = f[1]
	program = f[2]
	prove_case = area == "prove" ? substr(f[3], 3) : ""
	prove_line = prove_last = ""
	running = 1
	plan = ""
	plan_skip = ""
	too_many = 0
	cases = passed = failed = skipped = 0
	seed = reason = case_running = case_seconds = last_line = health = health_text = hang = ""
	timeout = 0
	splat_lines = 0
	delete_cases()
	log_name = sprintf("%s/%03d-%s-%s.log", folder, number, file_name(area), file_name(program))
	log_file = results "/" log_name
	printf "" > log_file
}

# A name as a part of a file's name.
function file_name(name) {
	gsub(/[^A-Za-z0-9._+=-]/, "_", name)
	return substr(name, 1, 100)
}

# Not without end: a guest may cause many.
function say(words) {
	if (said++ < MOST_SAID)
		print "# " target ": " printable(words)
}

function delete_cases(    i) {
	for (i in case_name_of)
		delete case_name_of[i]
	for (i in case_named)
		delete case_named[i]
	twice = measures = ""
}

# "ok 3 name", "not ok 3 - name # SKIP why"
function case_line(line,    status, name, directive, at) {
	status = line ~ /^not ok/ ? "FAIL" : "PASS"
	name = line
	sub(/^(not )?ok[ \t]*[0-9]*[ \t]*(- )?/, "", name)
	if ((at = match(name, /#[ \t]*(SKIP|skip)/))) {
		directive = trim(substr(name, at + RLENGTH))
		name = substr(name, 1, at - 1)
		status = status == "FAIL" ? "FAIL" : "SKIP"
		# kselftest.h of some releases has the name behind the directive
		if (trim(name) == "") {
			name = directive
			sub(/[ \t].*$/, "", name)
		}
	}
	name = trim(name)
	if (name == "")
		name = "case" (cases + 1)
	if (cases == MOST_CASES) {
		too_many = 1
		return
	}
	cases++
	if (name in case_named && twice == "")
		twice = name
	case_named[name] = 1
	case_name_of[cases] = name
	case_measures[cases] = measures
	measures = ""
	case_status[cases] = status
	case_time[cases] = case_seconds
	case_reason[cases] = status == "SKIP" ? directive : (status == "FAIL" ? reason : "")
	if (status == "FAIL" && reason ~ /^timeout after /)
		case_status[cases] = "TIMEOUT"
	passed += status == "PASS"
	failed += status == "FAIL"
	skipped += status == "SKIP"
	reason = case_running = case_seconds = ""
}

function program_line(line) {
	print line > log_file
	if (verbose)
		print "#   " printable(line)
	if (area == "prove") {
		# Its program's cases are none of ours.
		if (line ~ /^# prove: /) {
			prove_last = substr(line, 10)
			if (line ~ / detected=/)
				prove_line = prove_last
		}
		return
	}
	if (line ~ /^(not )?ok([ \t]|$)/)
		case_line(line)
	else if (line ~ /^1\.\.[0-9]+/ && plan == "") {
		plan = substr(line, 4) + 0
		if (match(line, /#[ \t]*SKIP[ \t]*/))
			plan_skip = substr(line, RSTART + RLENGTH)
	} else if (line ~ /^# seed: /)
		seed = trim(substr(line, 9))
	else if (line ~ /^# case: /)
		case_running = trim(substr(line, 9))
	else if (line ~ /^# reason: /) {
		# For the case after its line, as some print it; else for the next.
		if (case_running == "" && cases && case_status[cases] == "FAIL" && \
		    case_reason[cases] == "")
			case_reason[cases] = trim(substr(line, 11))
		else
			reason = trim(substr(line, 11))
	} else if (line ~ /^# seconds: [0-9.]+/)
		case_seconds = seconds_text(substr(line, 12) + 0)
	else if (line ~ /^# json: /) {
		if (flat_object(substr(line, 9)))
			measures = measures (measures == "" ? "" : ", ") substr(line, 9)
		else
			say(area "/" program ": a measure that is no flat object of JSON, left out: " substr(line, 9, 200))
	} else if (line ~ /^Bail out!/)
		reason = trim(substr(line, 10))
	# What is wrong with an option stands before the usage line.
	if (line !~ /^[ \t]*$/ && line !~ /^# (Totals|Planned)/ && (last_line == "" || line !~ /^usage: /))
		last_line = line
}

function emit_cases(    i) {
	for (i = 1; i <= cases; i++) {
		if (case_measures[i] != "")
			more = ", \"measures\": [" case_measures[i] "]"
		result(case_name_of[i], case_status[i], case_time[i], case_reason[i] == "" && \
			case_status[i] == "FAIL" ? "failed, and gave no reason: see the log" : case_reason[i])
		more = ""
	}
}

function signal_name(code,    names) {
	split("HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM", names, " ")
	return code - 128 <= 15 ? "SIG" names[code - 128] : "signal " (code - 128)
}

# "KEY=value" in what prove.sh says.
function prove_word(key) {
	if (!match(prove_line, "(^| )" key "=[^ ]*"))
		return ""
	return substr(prove_line, RSTART + index(substr(prove_line, RSTART, RLENGTH), "="), \
		RLENGTH - index(substr(prove_line, RSTART, RLENGTH), "="))
}

# A line of prove/matrix: what its program says is not the result, prove.sh
# judges that.
function prove_result(code, seconds,    status) {
	if (timeout)
		status = "TIMEOUT"
	else if (code == "stuck" || (health == "crash" && prove_case == "without"))
		status = "CRASH"
	else if (code + 0 == 4)
		status = "SKIP"
	else if (code + 0 != 0 || (health == "fail" && prove_case == "without"))
		status = "FAIL"
	else
		status = "PASS"
	if (prove_word("detected") != "")
		more = ", \"detected\": " json(prove_word("detected")) \
			", \"detection_seconds\": " json(prove_word("seconds")) \
			", \"since_applied\": " json(prove_word("since_applied"))
	cases = 0
	result(prove_case, status, seconds, status == "TIMEOUT" ? "not done after " timeout " s" : \
		(status == "CRASH" || (status == "FAIL" && code + 0 == 0)) ? "kernel: " health_text : prove_last)
	more = ""
}

# How a program ended, if it did not do so in the ordinary way.
function judge_exit(code,    all) {
	if (code > 128)
		return "CRASH the program was killed by " signal_name(code) \
			(case_running == "" ? "" : " in case " case_running)
	all = too_many || (plan != "" && cases == plan)
	if (code == 4 && cases == 0)
		return "SKIP " (plan_skip != "" ? plan_skip : reason != "" ? reason : last_line)
	if (code == 0 && cases == 0)
		return plan_skip != "" ? "SKIP " plan_skip : "FAIL ended well without a single result"
	if (code == 1 && cases == 0)
		return "FAIL " (reason != "" ? reason : "exit code 1 without a result: " last_line)
	if (code != 0 && code != 1 && code != 4)
		return "FAIL exit code " code (reason != "" ? ": " reason : \
			", where only 0, 1 and 4 mean something: " last_line)
	if (!all)
		return "FAIL " cases " results, where " (plan == "" ? "no plan was printed" : plan " were planned") \
			(reason != "" ? ": " reason : "")
	if (too_many)
		return "FAIL more than " MOST_CASES " results: the others are in the log only"
	if (twice != "")
		return "FAIL two results have the name " twice
	if (code == 0 && failed)
		return "FAIL exit code 0, though " failed " cases failed"
	if (code == 1 && !failed)
		return "FAIL exit code 1, though no case failed"
	return ""
}

function program_seconds(ended) {
	return ended > started ? seconds_text(ended - started) : "0.000"
}

# Neither what is no number nor what is beyond all time.
function seconds_text(seconds) {
	return seconds >= 0 && seconds < 1e9 ? sprintf("%.3f", seconds) : ""
}

function done_line(    f, code, verdict, seconds) {
	if (split(text, f, " ") < 4)
		return	# cut short by a crash
	code = substr(f[3], 6)
	seconds = program_seconds(f[4] + 0)
	if (area == "prove") {
		prove_result(code, seconds)
		close_program()
		return
	}
	emit_cases()
	verdict = ""
	if (code == "stuck")
		verdict = "CRASH its processes cannot be killed: " hang
	else if (timeout)
		verdict = "TIMEOUT not done after " timeout " s" \
			(case_running == "" ? "" : ", in case " case_running) \
			(hang == "" ? "" : ": " hang)
	else if (health != "crash")
		verdict = judge_exit(code + 0)
	if (health == "crash" || health == "fail")
		verdict = (health == "crash" ? "CRASH" : "FAIL") " kernel: " health_text
	if (verdict != "")
		result("", substr(verdict, 1, index(verdict, " ") - 1), seconds, \
			substr(verdict, index(verdict, " ") + 1))
	close_program()
}

function close_program() {
	close(log_file)
	running = 0
	last_done = number
	done_in_boot = 1
	after = ""
}

function agent_line(keyword) {
	if (keyword == "START")
		begin_program()
	else if (keyword == "DONE" && running)
		done_line()
	else if (keyword == "HELLO") {
		hello = 1
		if (match(text, /release=[^ ]+/))
			release = substr(text, RSTART + 8, RLENGTH - 8)
		if (match(text, /arch=(x86_64|aarch64)/))
			machine_arch = text ~ /arch=x86_64/ ? "amd64" : "arm64"
	} else if (keyword == "FACT") {
		if (text ~ /^FACT cmdline=/)
			machine_mode = mode_of(substr(text, 14))
		# Told again when a stream is read again: the last one counts. Where the
		# kernel's symbols are on the host, a guest does not know.
		if (text ~ /^FACT [A-Za-z0-9_.-]+=/ && text !~ /^FACT vmlinux=/)
			print substr(text, 6) >> (results "/" folder "/facts")
		else
			say("a FACT that a guest cannot state: ignored")
	} else if (keyword == "NOTE")
		say(substr(text, 6))
	else if (keyword == "STOP")
		stop = substr(text, 6)
	else if (keyword == "END")
		ended = 1
	else if (running && keyword == "TIMEOUT") {
		split(text, part, " ")
		timeout = part[3]
	} else if (running && keyword ~ /^(HANG|HEALTH|KMSG)$/) {
		value = text
		sub(/^[A-Z]+ [0-9]+ ?/, "", value)
		print "# " tolower(keyword) ": " value > log_file
		if (keyword == "HANG" && hang == "")
			hang = value
		if (keyword == "HEALTH") {
			health = substr(value, 1, index(value, " ") - 1)
			health_text = value = substr(value, index(value, " ") + 1)
		}
		if (keyword != "HANG" && splat_lines < MOST_SPLAT)
			splat[++splat_lines] = value
	}
}

# ---- the stream: undo what the agent's lines cut --------------------------------

function feed(line) {
	if (!running)
		return
	program_line(bounded(line))
}

# A line of at most MOST_LINE bytes, and what was cut.
function bounded(line) {
	return length(line) <= MOST_LINE ? line : substr(line, 1, MOST_LINE) " [and " length(line) - MOST_LINE " bytes more]"
}

BEGIN {
	# By the environment, since -v would undo backslashes.
	why = ENVIRON["SECMMU_WHY"]
	command = ENVIRON["SECMMU_COMMAND"]
	wanted = ENVIRON["SECMMU_FINGERPRINT"]
	while ((getline line < state) > 0) {
		split(line, part, "\t")
		if (part[1] ~ /^count_/)
			count[substr(part[1], 7)] = part[2]
		else
			was[part[1]] = part[2]
	}
	close(state)
	# Line by line, as agent and arrays count them.
	while ((getline line < list) > 0)
		job_line[++job_lines] = line
	close(list)
	# How much of what a guest may say without end is taken.
	MOST_CASES = 20000
	MOST_SAID = 1000
	MOST_LINE = 8192
	MOST_SPLAT = 3000
	consumed = was["consumed"] + 0
	last_done = was["last_done"] + 0
	release = was["release"]
	machine_arch = was["machine_arch"]
	machine_mode = was["machine_mode"]
	hello = was["hello"] + 0
	done_in_boot = was["done_in_boot"] + 0
	after = was["after"]
	stop = was["stop"]
	ended = was["ended"] + 0
	read_skips()
	read_known()
	printf "" > output
	position = consumed
	mark = "@" nonce " "
}

# A line counts when the next one has come: the last may be half written.
{
	if (NR > 1)
		take(last)
	last = $0
}

# Each line of the agent begins with a newline: an empty line is held back, and
# dropped before such a line; a line that is not empty was cut by a BEAT and
# goes on behind it.
function take(line) {
	position += length(line) + 1
	line = bounded(line)
	if (substr(line, 1, length(mark)) == mark) {
		text = substr(line, length(mark) + 1)
		keyword = text
		sub(/ .*/, "", keyword)
		if (keyword == "BEAT") {
			if (held && length(cut) <= MOST_LINE)
				cut = cut held_line
			held = 0
			return
		}
		if (cut held_line != "" && (held || cut != ""))
			feed(cut (held ? held_line : ""))
		held = 0
		cut = ""
		agent_line(keyword)
		if (keyword != "START" && !running)
			consumed = position
		return
	}
	if (held) {
		feed(cut held_line)
		cut = ""
	}
	held = 1
	held_line = line
}

END {
	if (end != "" && NR)
		take(last)
	crash_case = ""
	if (end != "" && running) {
		if (held || cut != "")
			feed(cut (held ? held_line : ""))
		if (end == "crash" || end == "lost") {
			while (console != "" && (getline line < console) > 0)
				if (splat_lines < MOST_SPLAT) {
					sub(/\r$/, "", line)
					splat[++splat_lines] = bounded(line)
				}
			emit_cases()
			if (area == "prove")
				case_running = prove_case
			if (timeout)
				why = why " (while it was being killed after " timeout " s)"
			crash_case = case_running
			print "# kernel: " why > log_file
			print "# console: " folder "/console.log" > log_file
			result(crash_case, "CRASH", "", why)
			# Not twice behind the same case: the program would not leave it out.
			if (case_running != "" && plan != "" && cases + 1 < plan && case_running != after)
				after = case_running
			else
				after = ""
			last_done = after == "" ? number : number - 1
			close(log_file)
			running = 0
		}
		if (end == "interrupted") {
			emit_cases()
			close(log_file)
			# For --resume: what has a result is not run again.
			if (cases) {
				after = plan != "" && cases >= plan ? "" : case_name_of[cases]
				last_done = after == "" ? number : number - 1
			}
		}
		consumed = position
	} else if (end == "crash" && hello && !ended && stop == "" && done_in_boot) {
		# It died between two tests: the one before did something to it.
		if (program == "") {
			area = was["area"]
			program = was["program"]
			seed = was["seed"]
			log_name = was["log"]
		}
		result("", "CRASH", "", "the kernel died when the program had ended: " why)
		done_in_boot = 0
	}
	printf "" > state_new
	# Not as print has it: beyond 2^31 that is 2.14748e+09.
	printf "consumed\t%.0f\nlast_done\t%.0f\n", consumed, last_done > state_new
	print "release\t" release > state_new
	print "machine_arch\t" machine_arch > state_new
	print "machine_mode\t" machine_mode > state_new
	print "hello\t" hello + 0 > state_new
	print "done_in_boot\t" done_in_boot > state_new
	print "after\t" after > state_new
	print "stop\t" stop > state_new
	print "ended\t" ended > state_new
	if (program == "") {
		area = was["area"]
		program = was["program"]
		seed = was["seed"]
		log_name = was["log"]
	}
	if (program != "") {
		print "area\t" area > state_new
		print "program\t" program > state_new
		print "seed\t" seed > state_new
		print "log\t" log_name > state_new
	}
	print "boot\t" was["boot"] + 0 > state_new
	print "boot_id\t" was["boot_id"] > state_new
	for (i in count)
		print "count_" i "\t" count[i] > state_new
	close(state_new)
}
