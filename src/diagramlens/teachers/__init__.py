"""Who answers the questions: the exact solver, checked against an independent one on a sample."""
