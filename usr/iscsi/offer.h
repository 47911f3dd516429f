/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which field of OperationalOffer and of NegotiatedParameters a negotiated or declared key
 * stands for: one row a key, in the order in which they are sent.
 */
#pragma once

#include "iscsi/login.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace hawser
{

struct KeyBinding {
	std::string_view key;
	/* The value to send, or to answer from; empty: the key is not offered. */
	std::string (*offered)(const OperationalOffer &offer);
	/* Has @value offered, which is of the key's type; empty: not, where that is possible. */
	void (*offer)(OperationalOffer &offer, std::string_view value);
	/* Takes over a result that check_value() and check_answer() have passed. */
	void (*apply)(NegotiatedParameters &parameters, std::string_view value);
	/* The result, as a value of the key; of what each side declares, our own. */
	std::string (*result)(const NegotiatedParameters &parameters);
};

std::span<const KeyBinding> all_bindings();
const KeyBinding *find_binding(std::string_view key);

/*
 * The responder's answer to @proposal when it would offer @own by itself: Reject
 * when no value of a list suits both. Both are legal values of @key, but for a proposed list
 * that may hold values we do not know.
 */
std::string select_answer(const KeySpec &key, std::string_view own, std::string_view proposal);

} // namespace hawser
