# SPDX-License-Identifier: GPL-2.0-or-later
"""What scripts/bench is made of: rows, the rig of two VMs, the report and the profile."""
