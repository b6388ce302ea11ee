"""The migration as durable workflows: they decide and wait, activities act."""
