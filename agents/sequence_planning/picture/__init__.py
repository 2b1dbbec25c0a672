"""Draw a plan as a picture."""
