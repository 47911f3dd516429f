# SPDX-License-Identifier: GPL-2.0-or-later
"""iSCSI as a target speaks it, for tests: every PDU, a session, a disk, and a script on top."""
