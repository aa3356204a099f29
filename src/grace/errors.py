"""The one error that GRACE raises for what a user can mend."""


class GraceError(Exception):
    """What should be, what was found and what to do, in one line.

    The command line prints the message after ``error: `` and exits with code 2; a library user catches it.
    """
