"""From a test split to metrics: which questions are asked, of which variant, and what the answers are worth."""
