"""Rails: the ways by which money reaches providers, behind one small protocol."""
