"""
How much energy a unit of work takes, and what that makes it cost, line by line. Pure: no Django, no input or
output beyond the files that ship.

`joules` finds the energy of a token, `work` turns it into units that are sold, `build_up` prices them,
`returns` and `levers` say what a provider earns and what would change it, `plausibility` flags what cannot
be, and `proof` recomputes the published examples.
"""
