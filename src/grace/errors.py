"""The one error that GRACE raises for what a user can mend, and its warning of what was done without asking."""


class GraceError(Exception):
    """What should be, what was found and what to do, in one line.

    The command line prints the message after ``error: `` and exits with code 2; a library user catches it.
    """


class GraceWarning(UserWarning):
    """What was left out or set aside, in one line; the command line prints it after ``note: ``."""
