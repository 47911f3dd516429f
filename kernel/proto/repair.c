// SPDX-License-Identifier: GPL-2.0-only
#include "repair.h"
#include "serial.h"
#include "status.h"

/*
 * As long as nothing was missed a target keeps to the order that was negotiated.
 * Afterwards only what the numbers and the extents say counts: a PDU that comes
 * again stands outside of every order.
 */
static bool in_order(const struct hws_repair *p, const struct hws_read *r,
		     const struct hws_read_rules *rules, u32 offset)
{
	if (p->missed)
		return true;
	if (rules->pdu_in_order && rules->sequence_in_order)
		return offset == r->received;
	if (rules->pdu_in_order && r->in_sequence && offset != r->next)
		return false;
	return !rules->sequence_in_order || offset >= r->floor;
}

enum hws_violation hws_repair_judge(const struct hws_repair *p,
				    const struct hws_read *r,
				    const struct hws_read_rules *rules,
				    const union hws_header *h, bool *wanted)
{
	const u32 length = hws_data_length(h);
	const u32 offset = be32_to_cpu(h->data_in.offset);
	enum hws_gaps_place place =
		hws_gaps_find(&p->gaps, be32_to_cpu(h->data_in.data_sn));

	if (p->anew && !h->data_in.data_sn)
		place = HWS_GAPS_NEXT;
	*wanted = false;
	if (!r->expected && length)
		return HWS_V_DATA_IN_WRITE;
	if (place == HWS_GAPS_FAR)
		return HWS_V_DATA_SN;
	if (place == HWS_GAPS_SEEN)
		return HWS_V_NONE;
	*wanted = true;
	if (!length)
		return HWS_V_NONE;
	if (offset > r->expected || length > r->expected - offset)
		return HWS_V_DATA_IN_BEYOND;
	if (place == HWS_GAPS_NEXT && !in_order(p, r, rules, offset))
		return HWS_V_DATA_IN_ORDER;
	if (!p->resumed && hws_extents_overlap(r->extents, offset, length))
		return HWS_V_DATA_IN_ORDER;
	return HWS_V_NONE;
}

void hws_repair_begin_data(struct hws_repair *p, struct hws_read *r,
			   const union hws_header *h)
{
	if (p->anew && !h->data_in.data_sn)
		hws_gaps_init(&p->gaps, 0);
	p->anew = false;
	if (p->resumed)
		r->received -= hws_extents_drop(r->extents,
						be32_to_cpu(h->data_in.offset),
						hws_data_length(h));
}

enum hws_violation hws_repair_data_in(struct hws_repair *p, struct hws_read *r,
				      const union hws_header *h)
{
	const u32 length = hws_data_length(h);
	const u32 offset = be32_to_cpu(h->data_in.offset);
	const u32 sn = be32_to_cpu(h->data_in.data_sn);
	u32 fresh;

	if (length) {
		if (hws_extents_cover(r->extents, offset, length, &fresh) !=
		    HWS_EXTENTS_ADDED)
			return HWS_V_DATA_IN_PIECES;
		r->received += fresh;
		r->next = offset + length;
		if (r->next > r->top)
			r->top = r->next;
		r->in_sequence = true;
	}
	if (h->data_in.flags & HWS_FLAG_FINAL) {
		r->in_sequence = false;
		r->floor = r->top;
	}
	if (!hws_gaps_take(&p->gaps, sn))
		return HWS_V_DATA_SN;
	if (p->gaps.count)
		p->missed = true;
	if (h->data_in.flags & HWS_DATA_IN_ACK) {
		p->ack = true;
		p->ack_ttt = h->data_in.ttt;
		memcpy(p->ack_lun, h->data_in.lun, sizeof(p->ack_lun));
	}
	return HWS_V_NONE;
}

bool hws_repair_damage(struct hws_repair *p, const struct hws_read *r,
		       const union hws_header *h, u32 now)
{
	const u32 end = be32_to_cpu(h->data_in.offset) + hws_data_length(h);
	const u32 sn = be32_to_cpu(h->data_in.data_sn);

	p->missed = true;
	if (!hws_sn_before(sn, p->gaps.next) &&
	    ((h->data_in.flags & HWS_DATA_IN_STATUS) || end == r->expected))
		p->ended = true;
	return hws_gaps_miss(&p->gaps, sn, true, now);
}

/* Is it one of those before the first that came after a reassignment? */
static bool comes_before(const struct hws_repair *p, u32 sn)
{
	return !p->anew && sn - p->before < p->begun - p->before;
}

/* The first R2T that comes after a reassignment. */
static void begin_anew(struct hws_repair *p, u32 sn)
{
	p->begun = sn;
	/* A target that counts from 0 again has sent none before the first. */
	if (hws_sn_before(sn, p->before))
		p->before = sn;
	hws_gaps_init(&p->gaps, sn);
	p->anew = false;
}

enum hws_violation hws_repair_r2t(struct hws_repair *p, struct hws_write *w,
				  const struct hws_write_rules *rules,
				  const union hws_header *h,
				  struct hws_sequence_ring *ring,
				  struct hws_sequence *seq, bool *wanted)
{
	const u32 sn = be32_to_cpu(h->r2t.r2t_sn);
	enum hws_gaps_place place = hws_gaps_find(&p->gaps, sn);
	const bool before = comes_before(p, sn);
	enum hws_violation v;
	u32 fresh, unsent = 0;

	if (p->anew || before)
		place = HWS_GAPS_NEXT;

	*wanted = false;
	if (!w->expected)
		return HWS_V_R2T_READ;
	if (place == HWS_GAPS_FAR)
		return HWS_V_R2T_SN;
	if (place == HWS_GAPS_SEEN)
		return HWS_V_NONE;

	seq->offset = be32_to_cpu(h->r2t.offset);
	seq->left = be32_to_cpu(h->r2t.desired_length);
	seq->ttt = be32_to_cpu(h->r2t.ttt);
	v = hws_write_r2t_range(w, rules, h);
	if (v)
		return v;
	if (place == HWS_GAPS_AHEAD)
		p->missed = true;
	if (!p->missed && rules->sequence_in_order &&
	    seq->offset > w->solicited_to)
		return HWS_V_R2T_ORDER;
	/* One that was lost and is sent again may be the older of the two. */
	if (place != HWS_GAPS_MISSING && !before)
		unsent = hws_sequences_supersede(ring, w, seq);
	if (ring->count >= ring->size)
		return HWS_V_R2T_COUNT;
	if (hws_extents_cover(w->extents, seq->offset, seq->left, &fresh) !=
	    HWS_EXTENTS_ADDED)
		return HWS_V_R2T_PIECES;
	/* A recovery R2T (section 11.8): data that was lost on its way. */
	if (fresh < seq->left && ++p->recovery_r2ts > HWS_RECOVERY_R2TS_MAX)
		return HWS_V_R2T_ORDER;
	seq->again = (p->resumed ? seq->left : seq->left - fresh) - unsent;
	if (seq->offset + seq->left > w->solicited_to)
		w->solicited_to = seq->offset + seq->left;
	if (p->anew)
		begin_anew(p, sn);
	if (before)
		p->before = sn + 1;
	else if (!hws_gaps_take(&p->gaps, sn))
		return HWS_V_R2T_SN;
	*wanted = true;
	return HWS_V_NONE;
}

/* Bytes that a good status without a DataSN speaks of, and that have not come. */
static bool lacks_data(const struct hws_read *r, const union hws_header *h)
{
	u32 residual = 0;

	if (!hws_status_is_good(h->response.status))
		return false;
	if (h->response.flags & HWS_RESPONSE_UNDERFLOW)
		residual = be32_to_cpu(h->response.residual);
	return residual <= r->expected && r->received < r->expected - residual;
}

/*
 * The last Data-In has its own DataSN. A SCSI Response has ExpDataSN (11.4.8), which
 * says how many there were; LIO and tgt leave it 0, and then the bytes must say.
 */
enum hws_repair_verdict hws_repair_verdict(struct hws_repair *p,
					   const struct hws_read *r,
					   const union hws_header *status)
{
	const bool in_data_in = hws_opcode(status) == HWS_OP_DATA_IN;
	u32 exp_data_sn;

	p->ended = true;
	if (!in_data_in) {
		if (status->response.response != HWS_RESPONSE_COMPLETED)
			return HWS_REPAIR_DONE;
		exp_data_sn = be32_to_cpu(status->response.exp_data_sn);
		if (hws_sn_after(exp_data_sn, p->gaps.next) &&
		    exp_data_sn - p->gaps.next <= HWS_GAP_LONGEST &&
		    r->expected) {
			if (!hws_gaps_expect(&p->gaps, exp_data_sn))
				return HWS_REPAIR_ESCALATE;
			p->missed = true;
		}
		if (!p->gaps.count && lacks_data(r, status) &&
		    (!exp_data_sn || exp_data_sn != p->gaps.next)) {
			if (p->refused)
				return HWS_REPAIR_DONE;
			if (p->tail == HWS_TAIL_KNOWN)
				p->tail = HWS_TAIL_ASK;
			p->missed = true;
			return HWS_REPAIR_WAIT;
		}
	}
	if (!p->gaps.count) {
		p->tail = HWS_TAIL_KNOWN;
		return HWS_REPAIR_DONE;
	}
	if (!p->refused)
		return HWS_REPAIR_WAIT;
	/* It ended the command for the reason that it refused (7.8). */
	if (!in_data_in && !hws_status_is_good(status->response.status))
		return HWS_REPAIR_DONE;
	return HWS_REPAIR_FAILED;
}

bool hws_repair_snack(struct hws_repair *p, u32 now, u8 *type, u32 *begin,
		      u32 *length)
{
	*type = HWS_SNACK_DATA;
	/*
	 * LIO rejects a run that reaches the last PDU that it has sent so far, and
	 * must not be asked for the rest while it is sending that. So a run waits
	 * for the PDU behind it; up to the last of all it is "all from there on"
	 * (11.16.7).
	 */
	if (hws_gaps_run(&p->gaps, now, !p->ended, begin, length)) {
		if (*begin + *length == p->gaps.next)
			*length = 0;
		return true;
	}
	*length = 0;
	*begin = p->before != p->begun ? p->before : p->gaps.next;
	if (p->tail == HWS_TAIL_ASK || p->tail == HWS_TAIL_ASK_AGAIN) {
		p->tail++;
		p->tail_asked_at = now;
		/* Of a task without status it was a question, no more. */
		if (!p->held)
			p->tail = HWS_TAIL_KNOWN;
		return true;
	}
	/* Not before the data in front of it is there (11.7.2). */
	if (p->ack && !p->gaps.count) {
		p->ack = false;
		*type = HWS_SNACK_DATA_ACK;
		return true;
	}
	return false;
}

void hws_repair_progress(struct hws_repair *p, u32 now)
{
	p->tail_asked_at = now;
	hws_gaps_progress(&p->gaps, now);
}

enum hws_gaps_time hws_repair_check(struct hws_repair *p, u32 now, u32 patience)
{
	if (p->refused)
		return HWS_GAPS_CALM;
	if (p->tail == HWS_TAIL_ASKED &&
	    now - p->tail_asked_at >= patience) {
		p->tail = HWS_TAIL_ASK_AGAIN;
		return HWS_GAPS_ASK;
	}
	if (p->tail == HWS_TAIL_ASKED_AGAIN &&
	    now - p->tail_asked_at >= patience)
		return HWS_GAPS_GIVE_UP;
	return hws_gaps_check(&p->gaps, now, patience);
}

bool hws_repair_rejected(struct hws_repair *p, u32 begin)
{
	const enum hws_gaps_place place = hws_gaps_find(&p->gaps, begin);

	if (place != HWS_GAPS_MISSING &&
	    !(place == HWS_GAPS_NEXT && p->tail != HWS_TAIL_KNOWN))
		return false;
	p->refused = true;
	return true;
}

static u32 resume(struct hws_repair *p)
{
	const u32 first = p->before != p->begun ? p->before :
						  hws_gaps_first(&p->gaps);

	hws_repair_init(p);
	hws_gaps_init(&p->gaps, first);
	p->before = first;
	p->begun = first;
	p->missed = true;
	p->resumed = true;
	p->anew = true;
	return first;
}

u32 hws_repair_resume_read(struct hws_repair *p, struct hws_read *r)
{
	r->in_sequence = false;
	return resume(p);
}

u32 hws_repair_resume_write(struct hws_repair *p, struct hws_write *w)
{
	w->data_sn = 0;
	/* How much of it arrived is the target's to know, and to ask for anew. */
	w->sent = w->expected;
	w->solicited_to = 0;
	hws_extents_init(w->extents);
	return resume(p);
}
