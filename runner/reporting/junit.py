# SPDX-License-Identifier: GPL-2.0-only
"""JUnit XML: a suite for each target."""

import re

# What XML 1.0 cannot have, not even escaped.
NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text):
    """Text that XML can hold."""
    return NO_XML.sub("?", text)


def case_of(result, junitparser):
    """One result as a test case."""
    case = junitparser.TestCase(clean(result.case or "(whole program)") +
                                (f" #{result.round}" if result.round > 1 else ""),
                                classname=clean(f"secmmu.{result.area}.{result.program}"),
                                time=result.seconds or 0)
    reason = clean(result.reason)
    if result.status == "KNOWN":
        case.result = [junitparser.Skipped(f"known: {clean(result.known)}: {reason}")]
    elif result.bad:
        kind = junitparser.Failure if result.status in ("FAIL", "SKIP") else junitparser.Error
        verdict = kind(reason, result.word)
        verdict.text = "\n".join(filter(None, [reason, f"replay: {clean(result.replay)}", f"log: {clean(str(result.log))}"] +
                                        [clean(line) for line in result.splat(60)]))
        case.result = [verdict]
    elif result.status == "SKIP":
        case.result = [junitparser.Skipped(reason)]
    return case


def write(run, file):
    """Writes the run to a file."""
    try:
        import junitparser  # pylint: disable=import-outside-toplevel
    except ImportError as error:
        raise ImportError("JUnit XML needs junitparser: install the Debian package python3-junitparser") from error
    xml = junitparser.JUnitXml("secmmu")
    for target in run.targets:
        suite = junitparser.TestSuite(clean(target))
        suite.timestamp = run.date
        for key, value in run.facts.get(target, {}).items():
            suite.add_property(clean(key), clean(value))
        for result in run.results:
            if result.target == target:
                suite.add_testcase(case_of(result, junitparser))
        xml.add_testsuite(suite)
    # Not "N runs failed": what was not run, or cannot be read, is no test case of any target.
    missing = run.not_run + [["not read", text] for text in run.odd]
    if missing:
        suite = junitparser.TestSuite("not run")
        for number, line in enumerate(missing, 1):
            case = junitparser.TestCase(clean(f"{line[0]} #{number}"), classname="secmmu.infrastructure")
            case.result = [junitparser.Error(clean(" ".join(line[1:])))]
            suite.add_testcase(case)
        xml.add_testsuite(suite)
    xml.write(str(file), pretty=True)
