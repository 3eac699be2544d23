"""The agent's version: of its distribution, and what it tells the exchange."""

VERSION = "0.2.0"
