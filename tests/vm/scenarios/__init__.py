# SPDX-License-Identifier: GPL-2.0-or-later
"""What must hold on each real target."""
