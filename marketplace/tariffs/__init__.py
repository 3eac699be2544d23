"""
What electricity costs, component by component and minute by minute. Pure: no Django, no input or output.

`documents` reads a tariff, `pricing` prices an interval of it, `bills` bills a month.
"""
