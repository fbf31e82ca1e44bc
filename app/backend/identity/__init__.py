"""Who is asking: guests and accounts, passwords, tokens."""
