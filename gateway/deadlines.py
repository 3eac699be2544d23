"""Deadlines and bounds of the gateway's connections: those of every server of ours."""

from core.deadlines import Deadlines, DeadlinesRefused, Protocol, read_deadlines

__all__ = ["Deadlines", "DeadlinesRefused", "Protocol", "read_deadlines"]
