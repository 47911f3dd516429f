// SPDX-License-Identifier: GPL-2.0-only
/*
 * SNACK: asking for what is missing (RFC 7143 section 11.16).
 *
 * What is to be asked for stands in the gaps; out.c comes here while conn->snack is
 * set and is given one PDU at a time. A gap that stays open is asked for once more,
 * then the connection is lost; so it is when SNACKs bring nothing again and again.
 * A target that rejects one keeps the data: then the command fails by itself, or
 * without its status the connection.
 */
#include "command.h"
#include "log.h"
#include "proto/serial.h"
#include "repair.h"
#include "response.h"
#include "stats.h"

/* Something may be missing of a command. */
void hws_snack_task(struct hws_conn *conn, struct hws_task_repair *repair)
{
	if (list_empty(&repair->open))
		list_add_tail(&repair->open, &conn->open);
	conn->snack = true;
	hws_send_kick(conn);
}

/* Statuses may be. */
void hws_snack_status(struct hws_conn *conn)
{
	if (!conn->stat_tail && !hws_gaps_asks(&conn->stat))
		return;
	conn->snack = true;
	hws_send_kick(conn);
}

static void begin(const struct hws_conn *conn, struct hws_snack *h, u8 type,
		  u32 beg_run, u32 run_length)
{
	memset(h, 0, sizeof(*h));
	h->opcode = HWS_OP_SNACK;
	h->type = HWS_FLAG_FINAL | type;
	h->itt = cpu_to_be32(HWS_RESERVED_TAG);
	h->ttt = cpu_to_be32(HWS_RESERVED_TAG);
	h->exp_stat_sn = cpu_to_be32(conn->exp_stat_sn);
	h->beg_run = cpu_to_be32(beg_run);
	h->run_length = cpu_to_be32(run_length);
}

static bool build_status(struct hws_conn *conn, struct hws_snack *h)
{
	u32 beg_run, run_length;

	if (hws_gaps_run(&conn->stat, jiffies, false, &beg_run, &run_length)) {
		conn->snacks_in_vain++;
	} else if (conn->stat_tail) {
		conn->stat_tail = false;
		beg_run = conn->stat.next;
		run_length = 0;
	} else {
		return false;
	}
	begin(conn, h, HWS_SNACK_STATUS, beg_run, run_length);
	HWS_COUNT_ON(conn, STATUS_SNACKS, 1);
	return true;
}

static bool build_task(struct hws_conn *conn, struct hws_task_repair *repair,
		       struct hws_snack *h)
{
	const struct hws_task *task = repair->task;
	u32 beg_run, run_length;
	u8 type;

	if (!hws_repair_snack(&repair->r, jiffies, &type, &beg_run,
			      &run_length))
		return false;
	begin(conn, h, type, beg_run, run_length);
	if (type == HWS_SNACK_DATA_ACK) {
		h->ttt = repair->r.ack_ttt;
		memcpy(h->lun, repair->r.ack_lun, sizeof(h->lun));
		HWS_COUNT_ON(conn, DATA_ACKS, 1);
		return true;
	}
	h->itt = cpu_to_be32(task->tag);
	if (repair->r.gaps.count)
		conn->snacks_in_vain++;
	if (hws_command_writes(task))
		HWS_COUNT_ON(conn, R2T_SNACKS, 1);
	else
		HWS_COUNT_ON(conn, DATA_SNACKS, 1);
	return true;
}

/**
 * hws_snack_build - the next SNACK
 * @conn: the connection, with conn->snack set
 * @h: where it goes
 *
 * Return: false when there is none; then conn->snack is clear.
 */
bool hws_snack_build(struct hws_conn *conn, union hws_header *h)
{
	struct hws_task_repair *repair, *next;

	if (build_status(conn, &h->snack))
		goto built;
	list_for_each_entry_safe(repair, next, &conn->open, open) {
		if (build_task(conn, repair, &h->snack))
			goto built;
		if (!hws_repair_open(&repair->r))
			list_del_init(&repair->open);
	}
	conn->snack = false;
	return false;
built:
	if (conn->snacks_in_vain > HWS_SNACKS_IN_VAIN)
		hws_conn_lost(conn, HWS_LOSS_UNREPAIRED);
	return true;
}

/* The rest of a read will not come: its status, if that is here, must do. */
static void finish(struct hws_conn *conn, struct hws_task_repair *repair)
{
	union hws_header status = repair->r.status;

	if (!repair->r.held)
		return;
	list_del_init(&repair->held);
	repair->r.held = false;
	hws_response_status(conn, repair->task, &status, repair->r.sense,
			    repair->r.sense_length);
}

static void task_rejected(struct hws_conn *conn, const struct hws_snack *snack)
{
	struct hws_task *task = hws_response_task(conn, snack->itt);
	struct hws_task_repair *repair;

	if (!task || task->kind != HWS_TASK_COMMAND)
		return;
	repair = hws_repair_of(task);
	/* A write whose R2T does not come again is the target's to go on with. */
	if (hws_repair_rejected(&repair->r, be32_to_cpu(snack->beg_run)))
		finish(conn, repair);
}

/**
 * hws_snack_rejected - the target rejected a SNACK
 * @conn: the connection
 * @snack: the header of the SNACK, as the target quotes it
 *
 * One that only asked whether there is more does no harm, nor does a DataACK.
 */
void hws_snack_rejected(struct hws_conn *conn, const union hws_header *snack)
{
	switch (snack->snack.type & HWS_SNACK_TYPE_MASK) {
	case HWS_SNACK_DATA:
		task_rejected(conn, &snack->snack);
		break;
	case HWS_SNACK_STATUS:
		if (hws_gaps_find(&conn->stat,
				  be32_to_cpu(snack->snack.beg_run)) ==
		    HWS_GAPS_MISSING)
			hws_conn_lost(conn, HWS_LOSS_UNREPAIRED);
		break;
	default:
		break;
	}
}

/* Of a read without more data than that it may fail; else the connection does. */
static bool give_up(struct hws_conn *conn, struct hws_task_repair *repair)
{
	if (repair->r.gaps.count)
		return false;
	repair->r.refused = true;
	finish(conn, repair);
	return true;
}

/* Looks at the clock, about once a second. Process context. */
void hws_snack_check(struct hws_conn *conn)
{
	struct hws_task_repair *repair, *next;
	enum hws_gaps_time time;

	time = hws_gaps_check(&conn->stat, jiffies, HWS_REPAIR_PATIENCE);
	if (time == HWS_GAPS_GIVE_UP)
		goto lost;
	conn->snack |= time == HWS_GAPS_ASK;
	list_for_each_entry_safe(repair, next, &conn->open, open) {
		time = hws_repair_check(&repair->r, jiffies,
					HWS_REPAIR_PATIENCE);
		if (time == HWS_GAPS_GIVE_UP && !give_up(conn, repair))
			goto lost;
		conn->snack |= time == HWS_GAPS_ASK;
	}
	hws_repair_acknowledge(conn);
	if (conn->snack)
		hws_send_kick(conn);
	return;
lost:
	hws_conn_lost(conn, HWS_LOSS_UNREPAIRED);
}
