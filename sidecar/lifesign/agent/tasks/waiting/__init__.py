"""What tasks wait for, who holds it, and which of them can never continue."""
