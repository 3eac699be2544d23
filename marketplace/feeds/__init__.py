"""
Where prices and carbon over time come from: what each source is asked and how its answer is read, and what of
it is believed. Only `calls` speaks to the network; nothing here imports Django.
"""
