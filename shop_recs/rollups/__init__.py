"""What the log comes to, in one statement of SQL each: popularity, trends, orders, repeated purchases."""
