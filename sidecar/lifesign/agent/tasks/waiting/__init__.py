"""What tasks wait for, who holds it, and who can never go on."""
