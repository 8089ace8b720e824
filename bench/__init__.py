"""Scripts that time and measure and print their tables; nothing imports them."""
