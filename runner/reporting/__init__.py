# SPDX-License-Identifier: GPL-2.0-only
"""What runner/report is made of."""
