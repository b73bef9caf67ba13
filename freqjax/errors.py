"""The one exception that is meant for the person at the keyboard."""


class UserError(Exception):
    """Bad input: one sentence that names the field or file, its value and what is allowed.

    The command line prints the sentence without a traceback and exits with code 2.
    """
