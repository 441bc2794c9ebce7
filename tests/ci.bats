#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What other engines are told: LAVA's files by LAVA's own schema code, workflows by
# what their steps call.

bats_require_minimum_version 1.5.0

setup() {
	load runner.bash
	runner_setup
}

@test "LAVA: jobs and test definition are valid by lava_common's schemas" {
	/usr/bin/python3 -c "import lava_common.schemas" 2> /dev/null || skip "needs lava_common: install the Debian package lava-common"
	/usr/bin/python3 - "$top"/ci/lava/*.yaml <<- 'END'
	import re, sys, yaml
	from lava_common import schemas
	from lava_common.schemas.test import testdef
	for file in sys.argv[1:]:
	    text = re.sub("@[A-Z_]+@", lambda m: "https://example.org/" + m.group().strip("@"), open(file).read())
	    data = yaml.safe_load(text.replace("https://example.org/DEVICE_TYPE", "board"))
	    if "metadata" in data:
	        testdef.validate(data)
	        wrong = {**data, "metadata": {"format": "another"}}
	        check = testdef.validate
	    else:
	        schemas.validate(data)
	        wrong = {**data, "actions": [{"boot": {"method": "magic"}}]}
	        check = schemas.validate
	    try:
	        check(wrong)
	    except Exception:
	        continue
	    raise AssertionError(f"{file}: its schema refuses nothing")
	END
}

@test "LAVA: the steps of the test definition run, and tell each result once" {
	program demo a_test <<< 'printf "1..3\nok 1 one\nnot ok 2 two/x\nok 3 two_x # SKIP needs a lake\n"; exit 1'
	printf 'here demo/a_test:two_x\n' > "$tree/vm/expected-skips"
	mkdir -p "$work/bin" "$work/bundle"
	cp -r "$tree" "$work/bundle/secmmu"
	cp "$SECMMU_SUITE"/* "$work/bundle/secmmu/"
	tar -C "$work/bundle" -czf "$work/bundle.tar.gz" .
	printf '#!/bin/sh\necho "$*" >> %s/told\n' "$work" > "$work/bin/lava-test-case"
	printf '#!/bin/sh\ncat %s/bundle.tar.gz\n' "$work" > "$work/bin/wget"
	chmod +x "$work"/bin/*
	/usr/bin/python3 -c "import sys, yaml; print('\n'.join(yaml.safe_load(open(sys.argv[1]))['run']['steps']))" \
		"$top/ci/lava/secmmu.yaml" | sed "s,/tmp/secmmu,$work/device,g; s,/opt/secmmu,$work/there,g" > "$work/steps"
	unset SECMMU_SUITE
	# Fetched by the device, then there already.
	for bundle in x ""; do
		rm -rf "$work/told" "$work/device"
		PATH=$work/bin:$PATH BUNDLE=$bundle OPTIONS='' run bash -e "$work/steps"
		exits 0
		diff "$work/told" - <<- 'END'
		demo_a_test_one --result pass
		demo_a_test_two_x --result fail
		demo_a_test_two_x.2 --result skip
		END
	done
}

@test "KernelCI: jobs, schedule and fragment are as its validator wants them; the test is LAVA's" {
	/usr/bin/python3 -c "import yaml" || skip "needs yaml: install the Debian package python3-yaml"
	/usr/bin/python3 - "$top" <<- 'END'
	import re, sys, yaml
	top = sys.argv[1]
	data = yaml.safe_load(open(top + "/ci/kernelci/secmmu.yaml"))
	jobs, schedule, fragments = (data[key] for key in ("jobs", "scheduler", "fragments"))
	builds = {name for name, job in jobs.items() if job["kind"] == "kbuild"}
	assert builds and set(jobs) - builds
	for name, job in jobs.items():
	    assert job["kind"] in ("kbuild", "job") and job["template"], name
	    if name in builds:
	        assert {"arch", "compiler"} <= set(job["params"]), name
	        assert "secmmu" in job["params"]["fragments"], name
	    else:
	        # It may run on nothing but the kernels that have the options.
	        assert job["kcidb_test_suite"] and "secmmu" in job["rules"]["fragments"], name
	        assert "fragments" not in job["params"], name
	assert sorted(entry["job"] for entry in schedule) == sorted(jobs)
	for entry in schedule:
	    event = entry["event"]
	    assert {"channel", "state", "kind"} <= set(event), entry
	    if entry["job"] in builds:
	        assert event["kind"] == "checkout" and entry["runtime"]["name"]
	    else:
	        assert event["name"] in builds and entry["platforms"] and entry["runtime"]["type"] == "lava"
	        # arm64 on arm64
	        assert entry["job"].split("-")[1] in event["name"]
	wanted = [line.strip() for line in open(top + "/config") if line.startswith("CONFIG_")]
	assert fragments["secmmu"]["configs"] == wanted, set(wanted) ^ set(fragments["secmmu"]["configs"])
	END
	/usr/bin/python3 -c "import lava_common.schemas, jinja2" 2> /dev/null || skip "the rest needs lava_common and jinja2: install the Debian packages lava-common, python3-jinja2"
	/usr/bin/python3 - "$top" <<- 'END'
	import sys, jinja2, yaml
	from lava_common import schemas
	top = sys.argv[1]
	params = yaml.safe_load(open(top + "/ci/kernelci/secmmu.yaml"))["jobs"]["secmmu-arm64"]["params"]
	text = open(top + "/ci/kernelci/test.jinja2").read()
	environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
	node = {"name": "secmmu-arm64", "artifacts": {"kselftest_tar_gz": "https://example.org/kselftest.tar.gz"}}
	job = yaml.safe_load(open(top + "/ci/lava/qemu-arm64.yaml"))
	for more in {}, {"bundle": "https://example.org/own.tar.gz", "options": "-c hmm"}:
	    action, = yaml.safe_load(environment.from_string(text).render(node=node, **{**params, **more}))
	    schemas.validate({**job, "actions": job["actions"][:2] + [action]})
	    told = action["test"]["definitions"][0]["parameters"]
	    assert told == {"BUNDLE": more.get("bundle", node["artifacts"]["kselftest_tar_gz"]), "OPTIONS": more.get("options", "")}
	environment.from_string("{%- set runtime = 'lava' %}" + open(top + "/ci/kernelci/job.jinja2").read().replace("{%- extends base_template %}", "{{ base_template }}")).render()
	END
}

@test "workflows: they are YAML, and what they call is understood" {
	/usr/bin/python3 -c "import yaml" || skip "needs yaml: install the Debian package python3-yaml"
	/usr/bin/python3 - "$top/.github/workflows/secmmu.yml" "$top/.gitlab-ci.yml" > "$work/calls" <<- 'END'
	import sys, yaml
	github, gitlab = (yaml.safe_load(open(file)) for file in sys.argv[1:])
	# YAML 1.1 reads the key "on" as true.
	assert github[True] and all("runs-on" in job and job["steps"] for job in github["jobs"].values())
	for job in github["jobs"].values():
	    for step in job["steps"]:
	        assert ("run" in step) != ("uses" in step), step
	        print(step.get("run", ""))
	for name, job in gitlab.items():
	    if isinstance(job, dict) and "script" in job:
	        assert job.get("stage") in gitlab["stages"], name
	        print("\n".join(job["script"]))
	END
	bash -n <(sed 's/\${{[^}]*}}/X/g' "$work/calls")
	# Each call of run_all.sh, with values in place of the matrix's.
	grep -o '\./run_all.sh .*' "$work/calls" | sed -E 's/\$\{\{[^}]*target[^}]*\}\}|\$TARGET/amd64-6.12/g; s/\$\{\{[^}]*shard[^}]*\}\}|\$CI_NODE_INDEX/1/g; s/\$CI_NODE_TOTAL/2/g; s/ \|\|.*//' > "$work/commands"
	[ "$(wc -l < "$work/commands")" -ge 2 ]
	good_program demo a_test
	while read -r command; do
		cd "$tree"
		run env SECMMU_VM_BOOT="$top/tests/fake-boot" bash -c "$command -d"
		exits 0
	done < "$work/commands"
}
