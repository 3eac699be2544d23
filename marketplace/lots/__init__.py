"""Lots of power and of heat: who has some, who takes it, at what price."""
