// SPDX-License-Identifier: GPL-2.0-only
#include "violation.h"

#define TEXT_ROW(id, section, text)	[HWS_V_##id] = (text),
#define SECTION_ROW(id, section, text)	[HWS_V_##id] = (section),

static const char *const texts[HWS_V_COUNT] = {
	[HWS_V_NONE] = "",
	HWS_VIOLATIONS(TEXT_ROW)
};

static const char *const sections[HWS_V_COUNT] = {
	[HWS_V_NONE] = "",
	HWS_VIOLATIONS(SECTION_ROW)
};

const char *hws_violation_text(enum hws_violation v)
{
	return (unsigned int)v < HWS_V_COUNT ? texts[v] : "";
}

const char *hws_violation_section(enum hws_violation v)
{
	return (unsigned int)v < HWS_V_COUNT ? sections[v] : "";
}
