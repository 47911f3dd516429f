/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a target can do wrong in full feature phase, as a table: the log, the
 * tests and the documentation are made from it.
 */
#ifndef _HWS_PROTO_VIOLATION_H
#define _HWS_PROTO_VIOLATION_H

#include "shim.h"

/* id, RFC 7143 section, text for the log */
#define HWS_VIOLATIONS(X)                                                          \
	X(OPCODE, "11.2.1.2", "an opcode that no target sends in full feature phase") \
	X(LENGTH, "13.12", "a data segment over our MaxRecvDataSegmentLength")        \
	X(NO_DATA_ALLOWED, "11", "a data segment in a PDU that has none")             \
	X(AHS, "11.2.2", "an additional header segment that no target sends")         \
	X(FINAL, "11", "the F bit clear where it must be set")                        \
	X(TAG, "11.2.1.8", "an Initiator Task Tag that no task has")                  \
	X(TAG_USE, "11", "a PDU that does not fit the task of its tag")               \
	X(STAT_SN, "4.2.2.2", "a StatSN that is not the next one")                    \
	X(DATA_SN, "11.7.5", "a DataSN that is not the next one")                     \
	X(DATA_IN_FLAGS, "11.7.3", "Data-In with status that is not the last")        \
	X(DATA_IN_WRITE, "11.7", "Data-In for a command that does not read")          \
	X(DATA_IN_BEYOND, "11.7.6", "Data-In beyond the expected data length")        \
	X(DATA_IN_ORDER, "13.18", "Data-In out of order, overlapping or repeated")    \
	X(DATA_IN_PIECES, "13.18", "Data-In in more pieces at once than are kept")    \
	X(DATA_IN_STATUS, "11.7.3", "Data-In with the status of an error")            \
	X(DATA_IN_MISSING, "11.4.5", "good status, but data is missing")              \
	X(DATA_OUT_MISSING, "11.4.5", "good status, but data was never asked for")    \
	X(RESIDUAL, "11.4.5", "a residual count that does not fit the data")          \
	X(RESPONSE_FLAGS, "11.4.1", "residual flags that exclude each other")         \
	X(SENSE_LENGTH, "11.4.7.1", "a SenseLength beyond the data segment")          \
	X(R2T_READ, "11.8", "R2T for a command that does not write")                  \
	X(R2T_SN, "11.8.2", "an R2TSN that is not the next one")                      \
	X(R2T_RANGE, "11.8.4", "R2T for data outside the command's")                  \
	X(R2T_LENGTH, "11.8.4", "R2T for no data, or for more than MaxBurstLength")   \
	X(R2T_ORDER, "13.19", "R2T out of order, overlapping or repeated")            \
	X(R2T_PIECES, "13.19", "R2Ts for more pieces at once than are kept")          \
	X(R2T_COUNT, "13.17", "more R2Ts outstanding than MaxOutstandingR2T")         \
	X(R2T_TAG, "11.8.5", "R2T with the reserved Target Transfer Tag")             \
	X(ASYNC, "11.9", "an Asynchronous Message with an illegal field")             \
	X(REJECT, "11.17.4", "a Reject without the header that it rejects")           \
	X(PING, "11.19", "NOP-In that answers and asks at once") \
	X(TEXT_FLAGS, "11.11.2", "a Text Response with both the F and the C bit")     \
	X(TEXT_FINAL, "11.11.1", "a final Text Response to a request that was not")   \
	X(TEXT_TAG, "11.11.4", "a Text Response that goes on without a transfer tag") \
	X(TEXT_EARLY, "6.2", "text in answer to a request that had the C bit")

#define HWS_VIOLATION_ENUM_ROW(id, section, text)	HWS_V_##id,

enum hws_violation {
	HWS_V_NONE,
	HWS_VIOLATIONS(HWS_VIOLATION_ENUM_ROW)
	HWS_V_COUNT,
};

/* The text and the section of a violation; "" for HWS_V_NONE and beyond. */
const char *hws_violation_text(enum hws_violation v);
const char *hws_violation_section(enum hws_violation v);

#endif /* _HWS_PROTO_VIOLATION_H */
