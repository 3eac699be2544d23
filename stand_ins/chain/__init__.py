"""
A chain that is none: blocks in memory with transfers of one token, for a desk and for tests.

It speaks the few JSON-RPC calls that reading deposits and receipts takes, and calls of its own (`standin_…`)
to mine, to transfer, to carry out a batch of a multisig wallet, and to replace its newest blocks. No keys, no
signatures, no money; hashes are SHA-256.
"""
