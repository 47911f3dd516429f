# SPDX-License-Identifier: GPL-2.0-or-later
"""Documentation/conformance.rst, made from the tests."""
import string
from types import ModuleType

import unh_iol
from harness import Test, tests_of

HEAD = """.. SPDX-License-Identifier: GPL-2.0-or-later
.. Made by tests/conformance/run.py --table; do not edit.

===========
Conformance
===========

Sentences of the RFCs, each with a test in ``tests/conformance`` in which a target that
speaks from a script says what it takes, and Hawser's part of the conversation is checked PDU
by PDU. Whatever else a test is about, every PDU that Hawser sends in it is checked for
reserved bits, padding, sequence numbers, and keys in a wrong stage or said twice. Modules that begin with
``vm`` are scenarios in a virtual machine (``tests/vm/scenarios``), which say it to the kernel's module.

*Windows Server 2012* is Microsoft's "iSCSI Target Implementation Notes" with the known issues of that target, by the
heading of each; the target in these tests has them all.

A word in *italics* stands for each of several values; the last column counts them. How to run
one is in testing.rst.
"""


def shown(template: str) -> str:
    """The template with its members as words in italics."""
    out = ""
    for text, name, _, _ in string.Formatter().parse(template):
        text = text.replace("*", "\\*")
        # What touches inline markup is kept apart from it by an escaped space, which shows as nothing.
        if out.endswith("*") and text[:1] not in (" ", ",", ".", ":", ")", "'", '"', ""):
            out += "\\ "
        out += text
        if name:
            out += ("\\ " if out[-1:] not in (" ", "(", '"', "'", "") else "") + f"*{name.strip('_')}*"
    return out


def sections(test: Test) -> str:
    """All sections that the cases are of, each RFC named once."""
    seen: dict[str, list[str]] = {}
    for case in test.cases:
        for part in case.section.split("; "):
            source, _, section = part.partition(", ")
            if section not in seen.setdefault(source, []):
                seen[source].append(section)
    return "; ".join(f"{source}, {', '.join(found)}" if any(found) else source for source, found in seen.items())


def shown_of(source: str, modules: list[ModuleType]) -> set[str]:
    """The sections of a source that some case is of."""
    parts = [part.partition(", ") for module in modules for test in tests_of(module)
             for case in test.cases for part in case.section.split("; ")]
    return {section for name, _, section in parts if name == source}


def table(modules: list[ModuleType]) -> str:
    lines = [HEAD, unh_iol.paragraph(shown_of(unh_iol.SOURCE, modules))]
    for module in modules:
        title = (module.__doc__ or "").splitlines()[0].rstrip(".")
        lines += [title, "=" * len(title), "", ".. list-table::", "   :header-rows: 1",
                  "   :widths: 10 20 60 10", "", "   * - test", "     - section", "     - sentence", "     - cases"]
        short = module.__name__.removeprefix("login.").replace("scenarios.", "vm ")
        for number, test in enumerate(tests_of(module), 1):
            lines += [f"   * - {short} {number}", f"     - {sections(test)}", f"     - {shown(test.sentence)}",
                      f"     - {len(test.cases)}"]
        lines.append("")
    return "\n".join(lines)
