"""What everyone needs and nothing of this field."""
