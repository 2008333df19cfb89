"""`millrace check`: what every use case must pass, each fault in plain words with file and line.

Static rules read the file and the parts of the use case; a trial learns some facts, here and, restored at three points of
the stream, in a child process.
"""

from millrace.checking.check import Checked, check
from millrace.checking.findings import Finding, Flawed
from millrace.checking.loading import load_file

__all__ = ["Checked", "Finding", "Flawed", "check", "load_file"]
