"""What a diagram is: per domain, the text of its truth, how it is drawn, and what can be asked about it."""
