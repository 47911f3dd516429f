# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests of UNH-IOL's full feature phase suite for initiators (v0.1) by their number, and which of them wait."""

NUMBERS = """
1.1 2.1 2.2 3.1 3.2 3.3 4.1 5.1 6.1 7.1 8.1 8.2 8.3 9.1 10.1 10.2 11.1.1 11.1.2 11.2.1 11.2.2 11.3 11.4
12.1 12.2 12.3 12.4 13.1 13.2 14.1 14.2 15.1 15.2 15.3 16.1.1 16.1.2 16.2.1 16.2.2 16.2.3 16.2.4 16.3.1
16.4.1 16.4.2 16.4.3 16.4.4 16.4.5 16.4.6 16.5 16.6 17.1 18.1 18.2 18.3.1 18.3.2 18.4 18.5
19.1 19.2 19.3 19.4.1 19.4.2 19.4.3 19.5 20.1 20.2 20.3 20.4
""".split()

WAITING = {
    "18.5": "a Text Request with MaxRecvDataSegmentLength, of which Hawser sends none",
    "15.3": "a NOP-Out that wants no answer, of which Hawser sends none",
}
DIFFERENT = {
    "16.4.6": "RESERVATION CONFLICT is given to the application as an error by Linux's midlayer, where the suite wants "
              "the command to be tried again",
    "18.4": "a key that has no place in the reply to SendTargets is passed over and told, where the suite wants the "
            "session to be given up",
}
SOURCE = "UNH-IOL FFP"


def paragraph(shown: set[str]) -> str:
    """What the documentation says of the suite; ValueError when it says not one thing of each number."""
    wrong = [number for number in NUMBERS if (number in shown) + (number in WAITING) + (number in DIFFERENT) != 1]
    wrong += sorted((shown | set(WAITING) | set(DIFFERENT)) - set(NUMBERS))
    if wrong:
        raise ValueError(f"{SOURCE}: shown, waiting, different: none or several of these for {' '.join(wrong)}")
    reasons: dict[str, list[str]] = {}
    for number in NUMBERS:
        if number in WAITING:
            reasons.setdefault(WAITING[number], []).append(number)
    lines = [f"*{SOURCE}* is the Full Feature Phase Test Suite for Initiators, v0.1, of the University of New",
             f"Hampshire's InterOperability Laboratory. {len(shown)} of its {len(NUMBERS)} tests are shown below.",
             "Others wait for:", ""]
    lines += [f"* {reason}: {', '.join(numbers)}" for reason, numbers in reasons.items()]
    lines += ["", "And Hawser differs from it on purpose:", ""]
    lines += [f"* {number}: {reason}" for number, reason in DIFFERENT.items()]
    return "\n".join(lines) + "\n"
