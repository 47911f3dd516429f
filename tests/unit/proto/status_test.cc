/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto.h"

#include <cstring>
#include <vector>

using namespace hawser::proto;

namespace
{

constexpr uint8_t good = 0x00, check_condition = 0x02, busy = 0x08;
constexpr uint8_t U = HWS_RESPONSE_UNDERFLOW, O = HWS_RESPONSE_OVERFLOW;

struct Judged {
	enum hws_violation violation;
	struct hws_outcome outcome;
};

Judged judge(const union hws_header &h, uint32_t expected, uint32_t moved, bool reads)
{
	const struct hws_transfer t = {
	    .expected = expected, .moved = moved, .in_front = moved, .reads = reads};
	Judged j;

	std::memset(&j, 0x5a, sizeof(j));
	j.violation = hws_status_outcome(&h, &t, &j.outcome);
	return j;
}

Judged read_ends(const union hws_header &h, uint32_t expected, uint32_t moved)
{
	return judge(h, expected, moved, true);
}

Judged write_ends(const union hws_header &h, uint32_t expected, uint32_t moved)
{
	return judge(h, expected, moved, false);
}

union hws_header status_in_data_in(uint8_t status, uint8_t flags = 0, uint32_t residual = 0)
{
	union hws_header h = data_in(0, 0, 0, HWS_FLAG_FINAL | HWS_DATA_IN_STATUS | flags);

	h.data_in.status = status;
	h.data_in.residual = cpu_to_be32(residual);
	return h;
}

} // namespace

TEST_CASE("a read that ends well has every byte, from a response and from Data-In")
{
	for (const union hws_header &h : {response(good), status_in_data_in(good)}) {
		const Judged all = read_ends(h, 4096, 4096);

		CHECK(all.violation == HWS_V_NONE);
		CHECK(all.outcome.status == good);
		CHECK(all.outcome.residual == 0);
		CHECK_FALSE(all.outcome.overflow);
		CHECK_FALSE(all.outcome.target_failure);
		CHECK(read_ends(h, 4096, 4095).violation == HWS_V_DATA_IN_MISSING);
		CHECK(read_ends(h, 4096, 0).violation == HWS_V_DATA_IN_MISSING);
	}
}

TEST_CASE("a residual excuses exactly the bytes that it counts")
{
	for (uint32_t residual : {0u, 1u, 4000u, 4095u, 4096u}) {
		for (const union hws_header &h :
		     {response(good, U, residual), status_in_data_in(good, U, residual)}) {
			const Judged j = read_ends(h, 4096, 4096 - residual);

			CHECK(j.violation == HWS_V_NONE);
			CHECK(j.outcome.residual == residual);
			if (residual != 4096)
				CHECK(read_ends(h, 4096, 4096 - residual - 1).violation ==
				      HWS_V_DATA_IN_MISSING);
			if (residual)
				CHECK(read_ends(h, 4096, 4096 - residual + 1).violation ==
				      HWS_V_RESIDUAL);
		}
	}
}

TEST_CASE("a residual of more than the command's length is refused")
{
	for (uint32_t residual : {4097u, 0x80000000u, 0xffffffffu}) {
		CHECK(read_ends(response(good, U, residual), 4096, 0).violation == HWS_V_RESIDUAL);
		CHECK(write_ends(response(good, U, residual), 4096, 4096).violation ==
		      HWS_V_RESIDUAL);
		CHECK(read_ends(response(check_condition, U, residual), 4096, 0).violation ==
		      HWS_V_RESIDUAL);
	}
}

TEST_CASE("a residual count without its flag is ignored")
{
	const Judged j = read_ends(response(good, 0, 0xffffffff), 4096, 4096);

	CHECK(j.violation == HWS_V_NONE);
	CHECK(j.outcome.residual == 0);
}

TEST_CASE("an overflow excuses no byte of the command's")
{
	const Judged j = read_ends(response(good, O, 100000), 4096, 4096);

	CHECK(j.violation == HWS_V_NONE);
	CHECK(j.outcome.overflow);
	CHECK(j.outcome.residual == 0);
	CHECK(read_ends(response(good, O, 100), 4096, 4000).violation == HWS_V_DATA_IN_MISSING);
	CHECK(write_ends(response(good, O, 100), 4096, 4000).violation == HWS_V_DATA_OUT_MISSING);
}

TEST_CASE("a write that ends well had all its data sent, or more than was needed")
{
	CHECK(write_ends(response(good), 4096, 4096).violation == HWS_V_NONE);
	CHECK(write_ends(response(good), 4096, 512).violation == HWS_V_DATA_OUT_MISSING);
	/* Sent unasked before the target knew that it needs less. */
	const Judged j = write_ends(response(good, U, 4000), 4096, 4096);
	CHECK(j.violation == HWS_V_NONE);
	CHECK(j.outcome.residual == 4000);
	CHECK(write_ends(response(good, U, 4000), 4096, 96).violation == HWS_V_NONE);
	CHECK(write_ends(response(good, U, 4000), 4096, 95).violation == HWS_V_DATA_OUT_MISSING);
}

TEST_CASE("ExpDataSN decides nothing: LIO and tgt leave it 0")
{
	for (uint32_t exp_data_sn : {0u, 1u, 17u, 0xffffffffu}) {
		union hws_header h = response(good);

		h.response.exp_data_sn = cpu_to_be32(exp_data_sn);
		CHECK(read_ends(h, 4096, 4096).violation == HWS_V_NONE);
		CHECK(write_ends(h, 4096, 4096).violation == HWS_V_NONE);
		CHECK(read_ends(h, 4096, 512).violation == HWS_V_DATA_IN_MISSING);
	}
}

TEST_CASE("the statuses that are as good as GOOD excuse no missing byte either")
{
	for (uint8_t status : {0x04, 0x10, 0x14}) {
		CHECK(read_ends(response(status), 4096, 4096).violation == HWS_V_NONE);
		CHECK(read_ends(status_in_data_in(status), 4096, 4096).violation == HWS_V_NONE);
		CHECK(read_ends(response(status), 4096, 0).violation == HWS_V_DATA_IN_MISSING);
		CHECK(write_ends(response(status), 4096, 0).violation == HWS_V_DATA_OUT_MISSING);
	}
}

TEST_CASE("a read that failed has as its residual at least what did not come")
{
	for (uint8_t status :
	     {check_condition, busy, uint8_t{0x18}, uint8_t{0x28}, uint8_t{0x40}}) {
		CHECK(read_ends(response(status), 4096, 1000).outcome.residual == 3096);
		CHECK(read_ends(response(status, U, 4096), 4096, 1000).outcome.residual == 4096);
		CHECK(read_ends(response(status, U, 1), 4096, 1000).outcome.residual == 3096);
		CHECK(read_ends(response(status, O, 1), 4096, 4096).outcome.residual == 0);
		for (uint32_t moved : {0u, 1u, 4096u})
			CHECK(read_ends(response(status, U, 50), 4096, moved).violation ==
			      HWS_V_NONE);
		CHECK(write_ends(response(status), 4096, 512).violation == HWS_V_NONE);
	}
}

TEST_CASE("the status of an error does not come with Data-In, where it has no sense")
{
	for (unsigned int status = 0; status < 256; status++) {
		const bool fits =
		    status == 0x00 || status == 0x04 || status == 0x10 || status == 0x14;

		CHECK(read_ends(status_in_data_in(status), 512, 512).violation ==
		      (fits ? HWS_V_NONE : HWS_V_DATA_IN_STATUS));
	}
}

TEST_CASE("of a command that the target could not execute only the response code counts")
{
	Random random;

	for (unsigned int code = 1; code < 256; code++) {
		union hws_header h =
		    response(random.between(0, 255), random.between(0, 127), random.edgy());
		h.response.response = code;

		for (bool reads : {true, false}) {
			const Judged j = judge(h, 4096, random.between(0, 4096), reads);

			CHECK(j.violation == HWS_V_NONE);
			CHECK(j.outcome.target_failure);
			CHECK(j.outcome.residual == 0);
			CHECK_FALSE(j.outcome.overflow);
		}
	}
}

TEST_CASE("no status that is accepted as good leaves a byte unaccounted for")
{
	Random random;
	uint64_t accepted = 0, refused = 0;

	for (uint64_t i = 0; i < steps(3'000'000); i++) {
		const uint32_t expected = random.once_in(8) ? random.edgy() : random.between(0, 12);
		const uint32_t moved = random.once_in(3) ? expected : random.between(0, expected);
		const uint32_t residual = random.once_in(3)   ? expected - moved
					  : random.once_in(2) ? random.edgy()
							      : random.between(0, 12);
		const uint8_t status = random.once_in(2) ? good : random.between(0, 255);
		const uint8_t flags = random.once_in(3) ? O : random.once_in(2) ? U : 0;
		const bool reads = random.once_in(2);
		const Judged j =
		    judge(random.once_in(2) ? response(status, flags, residual)
					    : status_in_data_in(status, flags, residual),
			  expected, moved, reads);

		if (j.violation) {
			refused++;
			continue;
		}
		accepted++;
		MUST(j.outcome.status == status);
		MUST(j.outcome.residual <= expected);
		MUST(j.outcome.overflow == (flags == O));
		if (reads)
			MUST(uint64_t{moved} + j.outcome.residual >= expected);
		if (status == good) {
			MUST(moved >= expected - j.outcome.residual);
			if (reads)
				MUST(uint64_t{moved} + j.outcome.residual == expected);
		}
	}
	CHECK(accepted > 0);
	CHECK(refused > 0);
}

TEST_CASE("sense data is found where SenseLength says")
{
	Random random;

	for (uint32_t segment = 2; segment < 300; segment++) {
		for (uint32_t n : {0u, 1u, segment / 2, segment - 2}) {
			std::vector<uint8_t> data(segment);
			union hws_header h = response(check_condition);
			const uint8_t *sense;
			uint32_t length;

			if (n > segment - 2)
				continue;
			for (uint8_t &b : data)
				b = random.between(0, 255);
			data[0] = n >> 8;
			data[1] = n;
			hws_set_data_length(&h, segment);
			REQUIRE(hws_status_sense(&h, data.data(), segment, &sense, &length) ==
				HWS_V_NONE);
			CHECK(length == n);
			if (n)
				CHECK(sense == data.data() + 2);
		}
	}
}

TEST_CASE("without a data segment there is no sense")
{
	const union hws_header h = response(check_condition);
	const uint8_t *sense;
	uint32_t length = 1;

	CHECK(hws_status_sense(&h, nullptr, 0, &sense, &length) == HWS_V_NONE);
	CHECK(length == 0);
}

TEST_CASE("a SenseLength beyond the data segment is refused")
{
	const std::vector<uint8_t> data = {0x00, 0x13, 1, 2};
	union hws_header h = response(check_condition);
	const uint8_t *sense;
	uint32_t length;

	for (uint32_t segment : {1u, 2u, 20u}) {
		hws_set_data_length(&h, segment);
		CHECK(hws_status_sense(&h, data.data(), data.size(), &sense, &length) ==
		      HWS_V_SENSE_LENGTH);
	}
	hws_set_data_length(&h, 21);
	CHECK(hws_status_sense(&h, data.data(), data.size(), &sense, &length) == HWS_V_NONE);
	/* Only as much as was kept of it. */
	CHECK(length == 2);
}

TEST_CASE("sense never reaches beyond the bytes at hand")
{
	Random random;

	for (uint64_t i = 0; i < steps(500'000); i++) {
		/* On the heap and to the byte, for the sanitizer to see. */
		std::vector<uint8_t> data(random.between(1, 64));
		union hws_header h = response(check_condition);
		const uint8_t *sense;
		uint32_t length, sum = 0;

		for (uint8_t &b : data)
			b = random.once_in(2) ? 0 : random.between(0, 255);
		hws_set_data_length(&h, random.once_in(2) ? data.size() : random.between(0, 300));
		if (hws_status_sense(&h, data.data(), data.size(), &sense, &length))
			continue;
		MUST(length <= data.size());
		for (uint32_t k = 0; k < length; k++)
			sum += sense[k];
		MUST(sum <= 255 * length);
	}
}

TEST_CASE("of a read that failed only what came without a hole from its beginning counts")
{
	for (uint8_t scsi : {check_condition, busy}) {
		const struct hws_transfer t = {
		    .expected = 8192, .moved = 5120, .in_front = 1024, .reads = true};
		const auto h = response(scsi);
		struct hws_outcome o;

		CHECK(hws_status_outcome(&h, &t, &o) == HWS_V_NONE);
		CHECK(o.residual == 8192 - 1024);
		CHECK(o.missing);
	}
	/* What the target itself says is missing is not ours to miss. */
	CHECK_FALSE(read_ends(response(check_condition, U, 512), 1024, 512).outcome.missing);
}

TEST_CASE("a good status does not excuse a hole before what its residual leaves out")
{
	const struct hws_transfer t = {
	    .expected = 8192, .moved = 4096, .in_front = 1024, .reads = true};
	const auto h = response(good, U, 4096);
	struct hws_outcome o;

	CHECK(hws_status_outcome(&h, &t, &o) == HWS_V_DATA_IN_MISSING);
}
