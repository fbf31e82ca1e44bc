"""The report as JUnit XML, for CI servers: one testsuite per layer."""

from datetime import UTC
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from kubetasks.verify.report import Report


def write(report: "Report") -> str:
    """The document."""
    root = ET.Element("testsuites", name="kubetasks verify", time=f"{report.seconds:.3f}")
    totals = {"tests": 0, "failures": 0, "skipped": 0}
    for layer in dict.fromkeys(check.layer for check in report.checks):
        checks = [check for check in report.checks if check.layer == layer]
        counts: dict[str, int] = {
            "tests": len(checks),
            "failures": sum(check.status == "fail" for check in checks),
            "skipped": sum(check.status == "skip" for check in checks),
        }
        about = {
            "name": layer,
            "hostname": report.context or report.target,
            "timestamp": report.started.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
            "time": f"{sum(check.seconds for check in checks):.3f}",
            "errors": "0",
        }
        suite = ET.SubElement(root, "testsuite", about | {key: str(value) for key, value in counts.items()})
        totals = {key: totals[key] + value for key, value in counts.items()}
        for check in checks:
            case = ET.SubElement(
                suite, "testcase", classname=f"verify.{layer}", name=check.name, time=f"{check.seconds:.3f}"
            )
            if check.status == "fail":
                ET.SubElement(case, "failure", message=check.evidence).text = check.evidence
            elif check.status == "skip":
                ET.SubElement(case, "skipped", message=check.evidence)
            elif check.evidence:
                ET.SubElement(case, "system-out").text = check.evidence
    root.attrib.update({key: str(value) for key, value in totals.items()}, errors="0")
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"
