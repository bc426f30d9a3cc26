"""The validation page of the fleet simulator: `python -m tools.fleet_validation` writes `docs/validation/fleet.md`."""
