// SPDX-License-Identifier: GPL-2.0-only
/*
 * Error recovery level 1, receiving: PDUs that are missing, damaged, or come again
 * (RFC 7143 sections 7.8 and 7.9).
 *
 *	data that is damaged or missing leaves a gap in the DataSNs of its task; the
 *	status of the command is held until the gap is filled, and not acknowledged;
 *	a status that is missing leaves a gap in the StatSNs of the connection, and
 *	ExpStatSN stands before it;
 *	what came before is dropped.
 *
 * Gaps are asked for by snack.c. What cannot be repaired costs the connection.
 */
#include <scsi/scsi_cmnd.h>
#include <scsi/scsi_device.h>
#include <scsi/scsi_eh.h>

#include "command.h"
#include "log.h"
#include "proto/check.h"
#include "proto/serial.h"
#include "repair.h"
#include "response.h"
#include "stats.h"

/* A connection begins: nothing is missing. */
void hws_repair_reset(struct hws_conn *conn)
{
	conn->repairs = conn->session->repairs;
	hws_gaps_init(&conn->stat, conn->exp_stat_sn);
	conn->stat_tail = false;
	conn->untaken = false;
	conn->snack = false;
	conn->snacks_in_vain = 0;
	conn->moved_at = jiffies;
	memset(&conn->silence, 0, sizeof(conn->silence));
	conn->silence.since = conn->moved_at;
}

/* A command goes out, for the first time or again. */
void hws_repair_begin(struct hws_task *task)
{
	hws_repair_init(&hws_repair_of(task)->r);
}

/*
 * Its connection was killed: what came whole is remembered, and what it waited for
 * does not come any more.
 */
void hws_repair_strand(struct hws_task *task)
{
	struct hws_task_repair *repair = hws_repair_of(task);

	list_del_init(&repair->open);
	list_del_init(&repair->held);
	repair->r.held = false;
	repair->asked = HWS_ASKED_NOT;
}

/* Its task leaves the connection: what it waited for is of no interest. */
void hws_repair_forget(struct hws_task *task)
{
	struct hws_task_repair *repair = hws_repair_of(task);

	list_del_init(&repair->open);
	if (!list_empty(&repair->held)) {
		list_del_init(&repair->held);
		/* Of a lost connection's it may be asked for over another. */
		if (READ_ONCE(task->conn->state) != HWS_CONN_CLEANUP)
			hws_repair_acknowledge(task->conn);
	}
	hws_repair_init(&repair->r);
}

static u32 held_stat_sn(const struct hws_task_repair *repair)
{
	/* in the same place in both PDUs */
	return be32_to_cpu(repair->r.status.response.stat_sn);
}

/*
 * What came without a gap, up to the first status that waits for its data: that
 * the target must be able to send again (section 7.9).
 */
void hws_repair_acknowledge(struct hws_conn *conn)
{
	u32 exp_stat_sn = hws_gaps_first(&conn->stat);
	struct hws_task_repair *oldest;

	if (conn->untaken)
		return;
	oldest = list_first_entry_or_null(&conn->held, struct hws_task_repair,
					  held);
	if (oldest && hws_sn_before(held_stat_sn(oldest), exp_stat_sn))
		exp_stat_sn = held_stat_sn(oldest);
	WRITE_ONCE(conn->exp_stat_sn, exp_stat_sn);
}

/**
 * hws_repair_header - what is the number of this PDU?
 * @conn: the connection
 * @h: its header, checked
 *
 * Sets conn->in.status_seen, and conn->in.drop when nothing of the PDU is wanted. Data
 * that comes twice may come after the status, and a status that was lost after its
 * task was aborted: conn->in.late.
 */
enum hws_violation hws_repair_header(struct hws_conn *conn,
				     const union hws_header *h)
{
	conn->in.status_seen = false;
	conn->in.drop = false;
	conn->in.late = true;
	if (!hws_counts_stat_sn(h))
		return HWS_V_NONE;
	switch (hws_gaps_find(&conn->stat, be32_to_cpu(h->response.stat_sn))) {
	case HWS_GAPS_FAR:
		return HWS_V_STAT_SN;
	case HWS_GAPS_SEEN:
		conn->in.status_seen = true;
		conn->in.drop = hws_opcode(h) != HWS_OP_DATA_IN;
		break;
	case HWS_GAPS_MISSING:
		break;
	default:
		conn->in.late = false;
	}
	return HWS_V_NONE;
}

enum hws_violation hws_repair_data_in_header(struct hws_conn *conn,
					     const union hws_header *h)
{
	struct hws_task *task = hws_response_task(conn, h->data_in.itt);
	enum hws_violation v;
	bool wanted;

	if (!task) {
		conn->in.drop = conn->in.late;
		return conn->in.drop ? HWS_V_NONE : HWS_V_TAG;
	}
	if (task->kind != HWS_TASK_COMMAND)
		return HWS_V_TAG_USE;
	if (hws_command_writes(task))
		return HWS_V_DATA_IN_WRITE;
	v = hws_repair_judge(&hws_repair_of(task)->r, &task->read,
			     &conn->read_rules, h, &wanted);
	if (v || !wanted)
		return v;
	hws_repair_begin_data(&hws_repair_of(task)->r, &task->read, h);
	/* A command without data need not have a list to go through. */
	if (hws_data_length(h))
		hws_cursor_seek(&task->cursor, be32_to_cpu(h->data_in.offset));
	conn->in.task = task;
	return HWS_V_NONE;
}

/*
 * Another step of recovery is due: the connection's. It may be for a status that
 * nobody took. More may come until the socket is gone.
 */
static void escalate(struct hws_conn *conn)
{
	conn->untaken = true;
	hws_conn_lost(conn, HWS_LOSS_UNREPAIRED);
}

/**
 * hws_repair_numbers - a PDU is here, whole: its StatSN has come
 * @conn: the connection
 * @h: the header
 *
 * R2Ts and pings of the target have the next StatSN (sections 11.8.3, 11.19.2), and
 * show those before it.
 *
 * Return: false when the connection is lost by it.
 */
bool hws_repair_numbers(struct hws_conn *conn, const union hws_header *h)
{
	const u32 stat_sn = be32_to_cpu(h->response.stat_sn);
	const u8 opcode = hws_opcode(h);
	bool held = true;

	if (opcode != HWS_OP_NOP_IN && opcode != HWS_OP_REJECT)
		WRITE_ONCE(conn->moved_at, jiffies);
	if (!hws_counts_stat_sn(h)) {
		if (hws_has_stat_sn(h) &&
		    hws_gaps_find(&conn->stat, stat_sn) == HWS_GAPS_AHEAD)
			held = hws_gaps_expect(&conn->stat, stat_sn);
	} else if (!conn->in.status_seen) {
		if (hws_gaps_find(&conn->stat, stat_sn) == HWS_GAPS_MISSING) {
			/* Of a Data-In the data is counted. */
			HWS_COUNT_ON(conn, REPAIRED, opcode != HWS_OP_DATA_IN);
			conn->snacks_in_vain = 0;
			hws_gaps_progress(&conn->stat, jiffies);
		}
		held = hws_gaps_take(&conn->stat, stat_sn);
	}
	if (unlikely(!held)) {
		escalate(conn);
		return false;
	}
	if (unlikely(conn->stat.count))
		hws_snack_status(conn);
	return true;
}

/* The last of what a held status waited for has come, or never will. */
static void release(struct hws_conn *conn, struct hws_task_repair *repair)
{
	union hws_header status = repair->r.status;

	list_del_init(&repair->held);
	repair->r.held = false;
	hws_response_status(conn, repair->task, &status, repair->r.sense,
			    repair->r.sense_length);
}

/* Data is missing that the target will not send (section 7.8, a.2). */
static void fail(struct hws_conn *conn, struct hws_task *task)
{
	struct scsi_cmnd *sc = task->sc;

	hws_warn(conn->session,
		 "the target does not send lost data again, a command is repeated (CDB %*ph)",
		 sc->cmd_len, sc->cmnd);
	scsi_build_sense(sc, 0, ABORTED_COMMAND, 0x47, 0x05);
	HWS_COUNT_ON(conn, COMPLETIONS, 1);
	hws_command_end(task, sc->result);
}

static void hold(struct hws_conn *conn, struct hws_task_repair *repair,
		 const union hws_header *h, const u8 *sense, u32 length)
{
	const u32 stat_sn = be32_to_cpu(h->response.stat_sn);
	struct hws_task_repair *before;

	repair->r.held = true;
	repair->r.status = *h;
	repair->r.sense_length = min_t(u32, length, HWS_SENSE_KEPT);
	memcpy(repair->r.sense, sense, repair->r.sense_length);
	/* Nearly always behind the last. */
	list_for_each_entry_reverse(before, &conn->held, held)
		if (hws_sn_before(held_stat_sn(before), stat_sn))
			break;
	list_add(&repair->held, &before->held);
}

/**
 * hws_repair_holds - a command has its status: is its data there?
 * @conn: the connection
 * @task: the command
 * @h: the status, in a SCSI Response or in the last Data-In
 * @sense: its sense data
 * @length: of that, in bytes
 *
 * Return: true when the status was taken, to be kept or to end the command.
 */
bool hws_repair_holds(struct hws_conn *conn, struct hws_task *task,
		      const union hws_header *h, const u8 *sense, u32 length)
{
	struct hws_task_repair *repair = hws_repair_of(task);

	BUILD_BUG_ON(HWS_SENSE_KEPT < SCSI_SENSE_BUFFERSIZE);
	if (hws_command_writes(task))
		return false;
	/* It has one, which waits: a target sends a single one (section 11.4). */
	if (unlikely(repair->r.held)) {
		hws_violation_report(conn, HWS_V_TAG_USE);
		escalate(conn);
		return true;
	}
	switch (hws_repair_verdict(&repair->r, &task->read, h)) {
	case HWS_REPAIR_WAIT:
		hold(conn, repair, h, sense, length);
		hws_snack_task(conn, repair);
		return true;
	case HWS_REPAIR_FAILED:
		fail(conn, task);
		return true;
	case HWS_REPAIR_ESCALATE:
		escalate(conn);
		return true;
	default:
		return false;
	}
}

/* A Data-In is here, whole. */
enum hws_violation hws_repair_data_in_pdu(struct hws_conn *conn,
					  const union hws_header *h)
{
	const bool status = (h->data_in.flags & HWS_DATA_IN_STATUS) &&
			    !conn->in.status_seen;
	struct hws_task *task = conn->in.task;
	struct hws_task_repair *repair;
	enum hws_violation v;
	bool missing;

	conn->in.task = NULL;
	if (conn->in.drop)
		return HWS_V_NONE;
	if (task) {
		repair = hws_repair_of(task);
		missing = hws_gaps_find(&repair->r.gaps,
					be32_to_cpu(h->data_in.data_sn)) ==
			  HWS_GAPS_MISSING;
		if (missing) {
			HWS_COUNT_ON(conn, REPAIRED, 1);
			conn->snacks_in_vain = 0;
		}
		v = hws_repair_data_in(&repair->r, &task->read, h);
		if (v == HWS_V_DATA_SN) {
			escalate(conn);
			return HWS_V_NONE;
		}
		if (v)
			return v;
		if (missing || repair->r.held)
			hws_repair_progress(&repair->r, jiffies);
	} else {
		/* It has come before, or the task was aborted meanwhile. */
		task = hws_response_task(conn, h->data_in.itt);
		if (!task)
			return HWS_V_NONE;
		repair = hws_repair_of(task);
	}
	if (status)
		hws_response_status(conn, task, h, NULL, 0);
	else if (repair->r.held &&
		 hws_repair_verdict(&repair->r, &task->read,
				    &repair->r.status) != HWS_REPAIR_WAIT)
		release(conn, repair);
	else if (hws_repair_open(&repair->r))
		hws_snack_task(conn, repair);
	return HWS_V_NONE;
}

/* An R2T for a command that writes: as hws_repair_r2t() says. */
enum hws_violation hws_repair_r2t_pdu(struct hws_conn *conn,
				      struct hws_task *task,
				      const union hws_header *h,
				      struct hws_sequence *seq, bool *wanted)
{
	struct hws_task_repair *repair = hws_repair_of(task);
	const bool missing = hws_gaps_find(&repair->r.gaps,
					   be32_to_cpu(h->r2t.r2t_sn)) ==
			     HWS_GAPS_MISSING;
	const u32 recoveries = repair->r.recovery_r2ts;
	enum hws_violation v;

	v = hws_repair_r2t(&repair->r, &task->write, &conn->write_rules, h,
			   &task->sequences, seq, wanted);
	if (v || !*wanted)
		return v;
	if (missing) {
		HWS_COUNT_ON(conn, REPAIRED, 1);
		conn->snacks_in_vain = 0;
	}
	if (repair->r.recovery_r2ts != recoveries)
		HWS_COUNT_ON(conn, RECOVERY_R2TS, 1);
	if (hws_repair_open(&repair->r))
		hws_snack_task(conn, repair);
	return HWS_V_NONE;
}

/*
 * A Data-In with a wrong data digest. One with status brings it again when its data
 * is asked for.
 */
static bool damaged_data_in(struct hws_conn *conn, const union hws_header *h)
{
	const bool status = (h->data_in.flags & HWS_DATA_IN_STATUS) &&
			    !conn->in.status_seen;
	const u32 stat_sn = be32_to_cpu(h->data_in.stat_sn);
	struct hws_task *task = conn->in.task;
	struct hws_task_repair *repair;

	conn->in.task = NULL;
	if (status && !hws_gaps_miss(&conn->stat, stat_sn, !task, jiffies))
		return false;
	if (conn->stat.count)
		hws_snack_status(conn);
	/* Its data has come before, or nobody wants it any more. */
	if (!task)
		return true;
	repair = hws_repair_of(task);
	if (!hws_repair_damage(&repair->r, &task->read, h, jiffies))
		return false;
	hws_snack_task(conn, repair);
	return true;
}

/**
 * hws_repair_damaged - a PDU has a wrong data digest
 * @conn: the connection
 * @h: its header
 *
 * It counts as lost (section 7.8).
 *
 * Return: false when the connection is lost by it.
 */
bool hws_repair_damaged(struct hws_conn *conn, const union hws_header *h)
{
	bool kept = true;

	hws_notice(conn->session,
		   "a data digest is wrong, the PDU is asked for again (opcode 0x%02x, ITT 0x%08x)",
		   hws_opcode(h), be32_to_cpu(h->bhs.itt));
	if (conn->in.drop) {
		/* It was not wanted in the first place. */
	} else if (hws_opcode(h) == HWS_OP_DATA_IN) {
		kept = damaged_data_in(conn, h);
	} else if (hws_counts_stat_sn(h)) {
		kept = hws_gaps_miss(&conn->stat,
				     be32_to_cpu(h->response.stat_sn), true,
				     jiffies);
		hws_snack_status(conn);
	}
	if (!kept)
		escalate(conn);
	return kept;
}
