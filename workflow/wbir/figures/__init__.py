"""Figure kinds, one per file: a literal KIND and `draw(subfigure, results, **options)`."""
