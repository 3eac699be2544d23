"""USDC on chain: what arrived for whom, and what became of batches."""
