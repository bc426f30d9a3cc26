"""What is: the schema, loading, checking and provenance of the cited world."""

from penstock.world.defects import Defect, DefectsError
from penstock.world.loading import load_world
from penstock.world.model import Parameter, World

__all__ = ["Defect", "DefectsError", "Parameter", "World", "load_world"]
