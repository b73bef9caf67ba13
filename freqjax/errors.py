"""The exception whose message is meant for the user."""


class UserError(Exception):
    """Bad input: one sentence that names the field or file, its value and what is allowed.

    The command line prints the sentence without a traceback and exits with code 2.
    """
