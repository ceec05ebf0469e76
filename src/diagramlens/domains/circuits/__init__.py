"""Electrical circuits: netlists, drawings of them, their exact solution and questions about them."""
