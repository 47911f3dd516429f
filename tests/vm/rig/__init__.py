# SPDX-License-Identifier: GPL-2.0-or-later
"""What scenarios in a guest are made of: targets, initiators, checks."""
