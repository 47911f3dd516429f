# SPDX-License-Identifier: GPL-2.0-or-later
"""The operational keys of RFC 7143, chapter 13, and RFC 7144, 7.1.1, read for the target's side.

This is a reading of its own, not made from Hawser's table: two readings that disagree are what
the tests are to find.
"""
from dataclasses import dataclass

SEGMENT_MAX = (1 << 24) - 1


@dataclass(frozen=True)
class Key:
    """kind: number, boolean or list. function: min, max, and, or, first (of a list), declared."""

    name: str
    kind: str
    function: str
    default: str
    section: str
    low: int = 0
    high: int = 0
    choices: tuple[str, ...] = ()
    in_discovery: bool = False
    later: bool = False  # NotUnderstood is a fair answer

    def result(self, offered: str, own: str) -> str:
        """What a responder that would choose own answers to offered."""
        if self.function == "first":
            return next((value for value in offered.split(",") if value in own.split(",")), "Reject")
        if self.function == "and":
            return "Yes" if offered == own == "Yes" else "No"
        if self.function == "or":
            return "No" if offered == own == "No" else "Yes"
        return str((min if self.function == "min" else max)(number(offered), number(own)))


def number(value: str) -> int:
    return int(value, 16 if value[:2].lower() == "0x" else 10)


DIGESTS = ("CRC32C", "None")
KEYS = {key.name: key for key in (
    Key("HeaderDigest", "list", "first", "None", "13.1", choices=DIGESTS, in_discovery=True),
    Key("DataDigest", "list", "first", "None", "13.1", choices=DIGESTS, in_discovery=True),
    Key("MaxConnections", "number", "min", "1", "13.2", 1, 65535),
    Key("InitialR2T", "boolean", "or", "Yes", "13.10"),
    Key("ImmediateData", "boolean", "and", "Yes", "13.11"),
    Key("MaxRecvDataSegmentLength", "number", "declared", "8192", "13.12", 512, SEGMENT_MAX, in_discovery=True),
    Key("MaxBurstLength", "number", "min", "262144", "13.13", 512, SEGMENT_MAX),
    Key("FirstBurstLength", "number", "min", "65536", "13.14", 512, SEGMENT_MAX),
    Key("DefaultTime2Wait", "number", "max", "2", "13.15", 0, 3600, in_discovery=True),
    Key("DefaultTime2Retain", "number", "min", "20", "13.16", 0, 3600, in_discovery=True),
    Key("MaxOutstandingR2T", "number", "min", "1", "13.17", 1, 65535),
    Key("DataPDUInOrder", "boolean", "or", "Yes", "13.18"),
    Key("DataSequenceInOrder", "boolean", "or", "Yes", "13.19"),
    Key("ErrorRecoveryLevel", "number", "min", "0", "13.20", 0, 2, in_discovery=True),
    Key("TaskReporting", "list", "first", "RFC3720", "13.23", choices=("RFC3720", "ResponseFence", "FastAbort"),
        later=True),
    Key("iSCSIProtocolLevel", "number", "min", "1", "RFC 7144, 7.1.1", 0, 31, later=True),
)}
OBSOLETE = ("IFMarker", "OFMarker", "IFMarkInt", "OFMarkInt")  # 13.25

# What may stand in the security stage besides AuthMethod and the keys of the methods (12).
ANY_STAGE = {"SessionType", "InitiatorName", "TargetName", "TargetAddress", "InitiatorAlias", "TargetAlias",
             "TargetPortalGroupTag"}
INITIATOR_DECLARES = {"SessionType", "InitiatorName", "InitiatorAlias", "TargetName", "X#NodeArchitecture"}
# What the login of the leading connection settles for all (Use: LO).
LEADING_ONLY = {"SessionType", "MaxConnections", "InitialR2T", "ImmediateData", "MaxBurstLength", "FirstBurstLength",
                "DefaultTime2Wait", "DefaultTime2Retain", "MaxOutstandingR2T", "DataPDUInOrder", "DataSequenceInOrder",
                "ErrorRecoveryLevel", "TaskReporting", "iSCSIProtocolLevel"}

# What a target of ours would choose by itself when a script says nothing: it takes what is offered.
GENEROUS = {
    "HeaderDigest": "CRC32C,None", "DataDigest": "CRC32C,None", "MaxConnections": "64", "InitialR2T": "No",
    "ImmediateData": "Yes", "MaxRecvDataSegmentLength": "262144", "MaxBurstLength": str(SEGMENT_MAX),
    "FirstBurstLength": str(SEGMENT_MAX), "DefaultTime2Wait": "0", "DefaultTime2Retain": "3600",
    "MaxOutstandingR2T": "65535", "DataPDUInOrder": "No", "DataSequenceInOrder": "No", "ErrorRecoveryLevel": "2",
    "TaskReporting": "RFC3720,ResponseFence,FastAbort", "iSCSIProtocolLevel": "31",
}
