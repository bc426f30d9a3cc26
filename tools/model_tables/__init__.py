"""The generated tables of the docs, each made from the tables and constants of the model."""
