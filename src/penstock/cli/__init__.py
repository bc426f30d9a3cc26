"""The command line: a module a command, and how results are printed."""
