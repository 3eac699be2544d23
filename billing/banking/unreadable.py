"""What is wrong with a file of statements."""

from core.errors import Invalid


class Unreadable(Invalid):
    """A file is no bank statement that can be read, or contradicts itself or what was read before."""

    code = "statement_unreadable"
