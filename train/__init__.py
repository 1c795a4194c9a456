"""Training: recipes, objectives, and the launcher."""
