"""The rehearsal: the whole loop in one process, deterministic, as fast as it goes.

Facts are written to a log in memory and read from it in the form they have on the wire, through the very function the
trainer calls; no service runs.
"""

from millrace.rehearsal.loop import Progress, rehearse
from millrace.rehearsal.picture import picture
from millrace.rehearsal.report import CandidateReport, Report

__all__ = ["CandidateReport", "Progress", "Report", "picture", "rehearse"]
