"""Bad input as a person may give it: worlds, scenarios, command lines and places, each with what it must end with."""
